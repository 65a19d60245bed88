//! DMA on behalf of the AFU: an effective address of a process element
//! becomes real page by page; either every page translates or nothing is
//! transferred.

use super::cache::{effective_space, rest_of_piece};
use super::fault::{CO_BAD_TABLES, CO_NO_PTE, Event};
use super::regs::dsisr;
use super::slice::SliceError;
use super::{Psl, Running, note_dropped};
use crate::port::{AfuPort, DmaError, PageFault};
use fabric::memory::Store;
use fabric::{Access, Cx, Peek, TranslateFault, Translation, TranslationSpace};

/// `Unspecified:` the longest single DMA, in bytes.
const MOST_BYTES: usize = 64 << 20;

/// A stretch of real memory.
struct Piece {
    ra: u64,
    len: usize,
}

impl Psl {
    /// Translates one address through the cache. EA bits 0..=1 select the
    /// quadrant: 00 the process, 11 process 0, the others nobody.
    pub(super) fn translate(
        &mut self,
        space: TranslationSpace,
        ea: u64,
        access: Access,
        cx: &mut Cx<'_>,
    ) -> Result<Translation, TranslateFault> {
        if !matches!(ea >> 62, 0 | 3) {
            return Err(TranslateFault::BadAddress);
        }
        let key = effective_space(space, ea);
        if let Some(found) = self.cache.find(key, ea, access == Access::Write) {
            self.note_stale(space, ea, access, found, cx);
            return Ok(found);
        }
        let found = cx.translate.translate(cx.mem, space, ea, access)?;
        if let Some(place) = self.cache.keep(key, ea, found) {
            note_dropped(place, "replaced", cx);
        }
        Ok(found)
    }
    /// Records the use of a cached translation that the tables no longer
    /// give, once for each. R and C bits do not count: Linux clears them
    /// without a flush.
    fn note_stale(
        &mut self,
        space: TranslationSpace,
        ea: u64,
        access: Access,
        found: Translation,
        cx: &mut Cx<'_>,
    ) {
        let peek = cx.translate.peek(cx.mem, space, ea, access);
        let now = match peek {
            Peek::Unknown => return,
            Peek::At(ra) if ra == found.ra => return,
            Peek::At(ra) => ra,
            Peek::Gone | Peek::NoProcess => u64::MAX,
        };
        if let Some((pid, page)) = self.cache.mark_stale(effective_space(space, ea), ea) {
            let (store, tables) = (access == Access::Write, peek != Peek::NoProcess);
            let fields = [
                ("pid", u64::from(pid)),
                ("ea", page),
                ("ra", found.ra),
                ("now", now),
                ("store", u64::from(store)),
                ("tables", u64::from(tables)),
            ];
            cx.note("stale-translation", &fields);
        }
    }
    /// Records that the card has to master the bus and may not.
    pub(super) fn note_not_enabled(&self, pe: u16, cx: &mut Cx<'_>) {
        let fields = [
            ("pe", u64::from(pe)),
            ("capi_mode", u64::from(self.capi_mode)),
            ("configured", u64::from(self.configured)),
        ];
        cx.note_text("protocol-error", ("what", "dma-not-enabled"), &fields);
    }
    /// Why `pe` may not touch memory at all, if so.
    fn refusal(&mut self, pe: u16, cx: &mut Cx<'_>) -> Option<DmaError> {
        if self.blocked {
            return Some(DmaError::NoContext);
        }
        if !self.may_master() {
            self.note_not_enabled(pe, cx);
            return Some(DmaError::NoContext);
        }
        match self.elements.get(&pe).map(|s| s.running) {
            Some(Running::Yes | Running::Suspended) => None,
            Some(Running::Terminated) => Some(DmaError::NoContext),
            None => {
                self.slice_error(SliceError::BadContext, u64::from(pe), cx);
                Some(DmaError::NoContext)
            }
        }
    }
    /// Real memory behind `len` bytes at `ea`, or the reason why not; a
    /// missing page has raised or queued its fault.
    fn pieces(
        &mut self,
        pe: u16,
        ea: u64,
        len: usize,
        access: Access,
        cx: &mut Cx<'_>,
    ) -> Result<Vec<Piece>, DmaError> {
        if let Some(refused) = self.refusal(pe, cx) {
            return Err(refused);
        }
        if self.is_suspended(pe) {
            return Err(self.hold_access(pe, ea, access, cx));
        }
        let element = self.element(pe).ok_or(DmaError::NoContext)?;
        let (space, usable) = (element.space(), element.relocated() && element.radix());
        // Kernel addresses are in quadrant 3; low ones of process 0 are an
        // alias of real memory.
        if space.pid == 0 && ea >> 62 == 0 {
            let fields = [("pe", u64::from(pe)), ("ea", ea)];
            cx.note_text("protocol-error", ("what", "kernel-low-address"), &fields);
        }
        // Deviates: an access that would wrap around the top of the address
        // space is refused; no AFU makes one.
        if len > MOST_BYTES || ea.checked_add(len as u64).is_none() {
            return Err(DmaError::BadAddress);
        }
        let mut pieces: Vec<Piece> = Vec::new();
        let (mut at, mut rest) = (ea, len);
        while rest > 0 {
            let found =
                if usable { self.translate(space, at, access, cx) } else { Err(TranslateFault::BadTable) };
            let found = match found {
                Ok(found) => found,
                Err(fault) => return Err(self.fault(pe, at, access, fault, cx)),
            };
            let len = usize::try_from(rest_of_piece(at, found.page_shift)).map_or(rest, |n| n.min(rest));
            if !cx.mem.contains(found.ra, len as u64) {
                return Err(DmaError::BadAddress);
            }
            match pieces.last_mut() {
                Some(last) if last.ra + last.len as u64 == found.ra => last.len += len,
                _ => pieces.push(Piece { ra: found.ra, len }),
            }
            at += len as u64;
            rest -= len;
        }
        Ok(pieces)
    }
    fn fault(&mut self, pe: u16, ea: u64, access: Access, why: TranslateFault, cx: &mut Cx<'_>) -> DmaError {
        if self.faults_full() {
            return DmaError::BadAddress;
        }
        let code = match why {
            TranslateFault::NoTranslation | TranslateFault::Protection => CO_NO_PTE,
            TranslateFault::BadTable | TranslateFault::BadAddress => CO_BAD_TABLES,
        };
        // Without S on a store the driver would resolve a load, and the
        // store to a clean or copy-on-write page would fault for ever.
        let store = u64::from(access == Access::Write);
        let status = dsisr::CO.with(dsisr::S.with(dsisr::TF.mask(), store), code);
        self.raise(Event { pe, dar: ea, dsisr: status, errstat: 0 }, cx);
        DmaError::Faulted(PageFault::at(ea, access == Access::Write))
    }
    /// AFU interrupt `lisn` of `pe`, by the element's IVTE ranges.
    pub(super) fn afu_interrupt(&mut self, pe: u16, lisn: u16, cx: &mut Cx<'_>) {
        let fields = [("pe", u64::from(pe)), ("lisn", u64::from(lisn))];
        if !self.is_running(pe) {
            cx.note_text("protocol-error", ("what", "afu-irq-no-context"), &fields);
            if !self.is_added(pe) {
                self.slice_error(SliceError::BadContext, u64::from(pe), cx);
            }
            return;
        }
        if self.is_suspended(pe) {
            return self.hold_interrupt(pe, lisn, cx);
        }
        // LISN 0 belongs to the PSL.
        let ivte = self.element(pe).filter(|_| lisn != 0).and_then(|e| e.ivte(lisn));
        let Some(ivte) = ivte else {
            cx.note_text("protocol-error", ("what", "afu-irq-bad-source"), &fields);
            return self.slice_error(SliceError::BadSource, u64::from(pe), cx);
        };
        cx.note("afu-irq", &[fields[0], fields[1], ("ivte", u64::from(ivte))]);
        cx.irq(ivte);
    }
}

/// What the PSL lends its AFU for one call.
pub(crate) struct Port<'p, 'w> {
    pub psl: &'p mut Psl,
    pub cx: &'p mut Cx<'w>,
}

impl<'w> AfuPort<'w> for Port<'_, 'w> {
    fn cx(&mut self) -> &mut Cx<'w> {
        self.cx
    }
    fn dma_read(&mut self, pe: u16, ea: u64, out: &mut [u8]) -> Result<(), DmaError> {
        let mut rest = out;
        for piece in self.psl.pieces(pe, ea, rest.len(), Access::Read, self.cx)? {
            let (now, later) = std::mem::take(&mut rest).split_at_mut(piece.len);
            if !self.cx.mem.read_bytes(piece.ra, now) {
                return Err(DmaError::BadAddress);
            }
            rest = later;
        }
        Ok(())
    }
    fn dma_write(&mut self, pe: u16, ea: u64, bytes: &[u8]) -> Result<(), DmaError> {
        let mut rest = bytes;
        for piece in self.psl.pieces(pe, ea, bytes.len(), Access::Write, self.cx)? {
            let (now, later) = rest.split_at(piece.len);
            if self.cx.mem.write_bytes(piece.ra, now) == Store::Outside {
                return Err(DmaError::BadAddress);
            }
            rest = later;
        }
        Ok(())
    }
    fn dma_probe_write(&mut self, pe: u16, ea: u64, len: usize) -> Result<(), DmaError> {
        self.psl.pieces(pe, ea, len, Access::Write, self.cx).map(|_| ())
    }
    fn look(&mut self, pe: u16, ea: u64, out: &mut [u8]) -> bool {
        let Some(element) = self.psl.element(pe).filter(|_| self.psl.may_master()) else { return false };
        // Entries of the AFU's tables do not cross pages: they are aligned to their size.
        match self.cx.translate.peek(self.cx.mem, element.space(), ea, Access::Read) {
            Peek::At(ra) => self.cx.mem.read_bytes(ra, out),
            _ => false,
        }
    }
    fn interrupt(&mut self, pe: u16, lisn: u16) {
        self.psl.afu_interrupt(pe, lisn, self.cx);
    }
    fn is_running(&self, pe: u16) -> bool {
        self.psl.is_running(pe)
    }
}
