//! Image references and the root filesystems they stand for.
