//! A file that is hashed while it is read: a large one is fetched from disk once.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::host::hex;

/// An opened file and the SHA-256 of what was read of it. Clones share both.
#[derive(Clone)]
pub struct HashedFile(Arc<Mutex<(File, Sha256)>>);

impl HashedFile {
    /// At its first byte.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self(Arc::new(Mutex::new((file, Sha256::new())))))
    }

    /// Reads what others left, and says the hash of the whole, in hexadecimal digits.
    pub fn finish(mut self) -> io::Result<String> {
        let mut piece = vec![0; 1 << 20];
        while self.read(&mut piece)? > 0 {}
        let (_, hash) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(hex(&hash.clone().finalize()))
    }
}

impl Read for HashedFile {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (file, hash) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = file.read(into)?;
        hash.update(&into[..bytes]);
        Ok(bytes)
    }
}
