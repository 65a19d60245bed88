//! The contents of guest memory at one moment, pages of zeroes left out.

use crate::memory::{PAGE, PAGE_SHIFT};

/// No such page.
const ABSENT: u32 = u32::MAX;

/// An image of guest memory; see [`crate::GuestMemory::save`].
pub struct MemoryImage {
    len: u64,
    /// Numbers of the pages that are not zero, ascending.
    pages: Vec<u32>,
    /// Their contents, in the same order.
    bytes: Vec<u8>,
    /// By page number: index into `pages`.
    index: Vec<u32>,
}

impl MemoryImage {
    /// Zeroed memory of `len` bytes.
    pub fn new(len: u64) -> MemoryImage {
        MemoryImage { len, pages: vec![], bytes: vec![], index: vec![ABSENT; (len >> PAGE_SHIFT) as usize] }
    }
    /// Adds a page beyond those that are there; a page of zeroes adds nothing.
    /// False, and nothing added, if the page is out of order or outside.
    pub fn push(&mut self, page: u32, contents: &[u8; PAGE]) -> bool {
        let ascends = self.pages.last().is_none_or(|last| *last < page);
        let Some(place) = self.index.get_mut(page as usize).filter(|_| ascends) else { return false };
        if contents.iter().any(|&b| b != 0) {
            *place = self.pages.len() as u32;
            self.pages.push(page);
            self.bytes.extend_from_slice(contents);
        }
        true
    }
    /// Size of the memory in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }
    /// True if the memory was all zero.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }
    /// Numbers of the pages that are not zero, ascending.
    pub fn pages(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        self.pages.iter().copied()
    }
    /// The page of this number, unless it is zero.
    pub fn page(&self, number: u32) -> Option<&[u8; PAGE]> {
        let at = *self.index.get(number as usize).filter(|at| **at != ABSENT)? as usize;
        self.bytes[at * PAGE..].first_chunk()
    }
    /// The contents of the pages that are not zero, in ascending order.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_ascend_and_zeroes_are_left_out() {
        let mut image = MemoryImage::new(4 * PAGE as u64);
        let ones = [1u8; PAGE];
        assert!(image.push(1, &ones) && image.push(2, &[0; PAGE]) && image.push(3, &ones));
        assert!(!image.push(3, &ones), "twice");
        assert!(!image.push(4, &ones), "outside");
        assert_eq!(image.pages().collect::<Vec<_>>(), [1, 3]);
        assert_eq!((image.page(0), image.page(2), image.page(9)), (None, None, None));
        assert_eq!(image.page(3), Some(&ones));
        assert_eq!(image.bytes().len(), 2 * PAGE);
    }
}
