//! [`InMemoryStore`]: the backend for tests.

use std::collections::HashMap;

use tokio::sync::RwLock;

use super::{SecretsStore, StoreError, check_entry};
use crate::secret::SecureBytes;

/// Keeps secrets in secret memory and persists nothing.
#[derive(Debug, Default)]
pub struct InMemoryStore {
    secrets: RwLock<HashMap<String, SecureBytes>>,
}

impl InMemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl SecretsStore for InMemoryStore {
    async fn get(&self, key: &str) -> Result<SecureBytes, StoreError> {
        let secrets = self.secrets.read().await;
        let value = secrets.get(key).ok_or(StoreError::NotFound)?;
        Ok(value.try_clone()?)
    }

    async fn set(&self, key: &str, value: &SecureBytes) -> Result<(), StoreError> {
        check_entry(key, value)?;
        let value = value.try_clone()?;
        self.secrets.write().await.insert(key.to_owned(), value);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let removed = self.secrets.write().await.remove(key);
        removed.map(drop).ok_or(StoreError::NotFound)
    }

    async fn list_keys(&self) -> Result<Vec<String>, StoreError> {
        let mut keys: Vec<String> = self.secrets.read().await.keys().cloned().collect();
        keys.sort_unstable();
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::compliance_tests;

    #[tokio::test]
    async fn in_memory_store_passes_compliance() {
        compliance_tests(InMemoryStore::new).await;
    }
}
