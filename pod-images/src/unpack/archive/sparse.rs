//! The four forms in which an archive may have a sparse file.

use std::io::BufRead;

use tar::{GnuExtSparseHeader, GnuSparseHeader, Header};

use super::{Archive, ArchiveError, BLOCK, Entry, Malformed};
use crate::unpack::pax::{SparseKeys, decimal};

/// The most pieces of a sparse file.
const MAX_EXTENTS: usize = 1 << 20;

impl<R: BufRead> Archive<R> {
    /// The forms of extended headers, if the entry is in one of them.
    pub(super) fn pax_sparse(
        &mut self,
        keys: &SparseKeys,
        entry: &mut Entry,
    ) -> Result<(), ArchiveError> {
        if keys.map_in_data {
            let numbers = self.map_in_data()?;
            self.sparse(entry, &numbers, keys.real_size)
        } else if keys.real_size.is_some() {
            self.sparse(entry, &keys.numbers, keys.real_size)
        } else {
            Ok(())
        }
    }

    /// The map of GNU's old form: in the header, and in blocks after it.
    pub(super) fn gnu_sparse(
        &mut self,
        header: &Header,
        entry: &mut Entry,
    ) -> Result<(), ArchiveError> {
        let gnu = header.as_gnu().ok_or_else(|| self.malformed(Malformed::Sparse))?;
        let real_size = self.number(&gnu.realsize)?;
        let mut numbers = Vec::new();
        self.add_extents(&gnu.sparse, &mut numbers)?;
        let mut more = gnu.isextended[0] != 0;
        while more {
            let mut block = GnuExtSparseHeader::new();
            self.fill_block(block.as_mut_bytes())?;
            self.add_extents(&block.sparse, &mut numbers)?;
            more = block.isextended[0] != 0;
        }
        self.sparse(entry, &numbers, Some(real_size))
    }

    fn add_extents(
        &self,
        extents: &[GnuSparseHeader],
        numbers: &mut Vec<u64>,
    ) -> Result<(), ArchiveError> {
        for extent in extents.iter().filter(|extent| extent.numbytes[0] != 0) {
            numbers.extend([self.number(&extent.offset)?, self.number(&extent.numbytes)?]);
        }
        if numbers.len() > 2 * MAX_EXTENTS {
            return Err(self.malformed(Malformed::Sparse));
        }
        Ok(())
    }

    /// The map of the newest form: lines of digits before the data, filled up to a block.
    fn map_in_data(&mut self) -> Result<Vec<u64>, ArchiveError> {
        let mut numbers = Vec::new();
        let mut wanted = None;
        let mut digits = Vec::new();
        while wanted.is_none_or(|wanted| numbers.len() < wanted) {
            if self.left < BLOCK {
                return Err(self.malformed(Malformed::Sparse));
            }
            let mut block = [0; BLOCK as usize];
            self.fill_block(&mut block)?;
            self.left -= BLOCK;
            for byte in block {
                if wanted.is_some_and(|wanted| numbers.len() == wanted) {
                    break;
                }
                if byte != b'\n' {
                    digits.push(byte);
                    continue;
                }
                let number = decimal(&digits).ok_or_else(|| self.malformed(Malformed::Sparse))?;
                digits.clear();
                if wanted.is_some() {
                    numbers.push(number);
                } else {
                    let count = usize::try_from(number).ok().filter(|n| *n <= MAX_EXTENTS);
                    wanted = Some(2 * count.ok_or_else(|| self.malformed(Malformed::Sparse))?);
                }
            }
            if digits.len() > 20 {
                return Err(self.malformed(Malformed::Sparse));
            }
        }
        Ok(numbers)
    }

    /// Takes a map over when it is one: ascending, apart, within the file, and as long as the data that is stored.
    fn sparse(
        &self,
        entry: &mut Entry,
        numbers: &[u64],
        real_size: Option<u64>,
    ) -> Result<(), ArchiveError> {
        let check = || {
            let real_size = real_size?;
            let (mut end, mut sum) = (0u64, 0u64);
            let mut extents = Vec::with_capacity(numbers.len() / 2);
            for pair in numbers.chunks(2) {
                let &[offset, length] = pair else { return None };
                if offset < end {
                    return None;
                }
                end = offset.checked_add(length)?;
                sum = sum.checked_add(length)?;
                extents.push((offset, length));
            }
            (end <= real_size && sum == self.left).then_some((real_size, extents))
        };
        let (size, extents) = check().ok_or_else(|| self.malformed(Malformed::Sparse))?;
        entry.size = size;
        entry.extents = Some(extents);
        Ok(())
    }
}
