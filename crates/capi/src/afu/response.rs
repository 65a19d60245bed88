//! The end of a command at the host: IOASA, entry of the response queue,
//! interrupt, in this order.

use super::SisliteAfu;
use super::codes::RC_FLAGS_OVERRUN;
use super::command::{Area, Command, Stage};
use super::engine::{Flow, Stop};
use super::ioarcb::IOARCB_LEN;
use super::regs::fc;
use crate::flash::Plan;
use crate::port::{AfuPort, DmaError};
use fabric::Effect;

impl SisliteAfu {
    pub(super) fn write_ioasa(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<Flow, Stop> {
        self.reaches(cmd, Area::Ioasa, bus)?;
        let ea = if cmd.via_sq { cmd.rcb.ioasa } else { cmd.ea.wrapping_add(IOARCB_LEN as u64) };
        let gone = std::mem::take(&mut cmd.address_error);
        let wrote = if gone {
            Err(DmaError::BadAddress)
        } else {
            // Never the host's own 32 bytes after these.
            bus.dma_write(cmd.pe, ea, &cmd.sa.bytes(cmd.endian))
        };
        wrote.map_err(|e| Stop::Dma(cmd.pe, e, Area::Ioasa))?;
        cmd.stage = Stage::Rrq;
        cmd.ioasa_written = true;
        Ok(Flow::Next)
    }

    pub(super) fn write_rrq(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<Flow, Stop> {
        let entries = if cmd.early { 1 } else { self.put_response(cmd, bus)? };
        if entries == 0 {
            return Ok(Flow::Wait);
        }
        let fields = [
            ("id", cmd.id),
            ("pe", cmd.pe.into()),
            ("ctx", cmd.subject().into()),
            ("mode", cmd.mode().into()),
            ("rc", cmd.sa.ioasc().into()),
            // As they were when the response was written.
            ("ioasa", u64::from(cmd.ioasa_written && !cmd.early)),
            ("left", if cmd.early { cmd.limit } else { cmd.limit.saturating_sub(cmd.moved) }),
        ];
        if let (Plan::Write { .. }, Some(unit)) = (&cmd.plan, cmd.unit) {
            self.shadow.answered(unit, cmd.extent.0, cmd.extent.1, cmd.id, cmd.sa.ioasc() == 0);
        }
        if let Some(p) = self.ports.get_mut(usize::from(cmd.port)) {
            p.count(fc::FC_CNT_RXRSP, 1);
            if cmd.sa.flags & RC_FLAGS_OVERRUN != 0 {
                p.count(fc::FC_CNT_RSPOVER, 1);
            }
        }
        for _ in 0..entries {
            bus.cx().note_text("afu-command-done", ("kind", cmd.kind()), &fields);
        }
        if cmd.rcb.msi != 0 && !cmd.early {
            self.signal(cmd.pe, cmd.rcb.msi.into(), "rrq", bus);
        }
        Ok(Flow::Done)
    }

    /// Writes the entry of the response queue. How many times: none if a fault
    /// keeps it back for ever, two if one doubles it.
    fn put_response(&mut self, cmd: &mut Command, bus: &mut dyn AfuPort<'_>) -> Result<u32, Stop> {
        self.reaches(cmd, Area::Rrq, bus)?;
        let gone = std::mem::take(&mut cmd.address_error);
        let response = if cmd.via_sq { cmd.rcb.ioasa } else { cmd.ea };
        let mut written = 0;
        loop {
            let ring = self.context(cmd.pe).and_then(|c| c.rrq).filter(|_| !gone);
            // Unspecified: a response for a queue never set up counts as one that
            // cannot be written.
            let Some(ring) = ring else { return Err(Stop::Dma(cmd.pe, DmaError::BadAddress, Area::Rrq)) };
            let Some(value) = self.response(cmd, response & !1 | ring.toggle, bus) else {
                return Ok(written);
            };
            bus.dma_write(cmd.pe, ring.cur, &cmd.endian.bytes64(value))
                .map_err(|e| Stop::Dma(cmd.pe, e, Area::Rrq))?;
            written += 1;
            if let Some(ring) = self.context(cmd.pe).and_then(|c| c.rrq.as_mut()) {
                ring.advance();
            }
            let fields = [("pe", cmd.pe.into()), ("ctx", cmd.subject().into())];
            if written > 1 || bus.cx().fault("rrq", "duplicate", &fields).is_none() {
                return Ok(written);
            }
        }
    }

    /// A fault may put the response before data and IOASA; true if it did,
    /// and the command goes on later.
    pub(super) fn responds_early(
        &mut self,
        cmd: &mut Command,
        bus: &mut dyn AfuPort<'_>,
    ) -> Result<bool, Stop> {
        let fields = [("pe", cmd.pe.into()), ("ctx", cmd.subject().into())];
        let Some(Effect::Hold(by)) = bus.cx().fault("rrq", "early", &fields) else { return Ok(false) };
        if self.put_response(cmd, bus)? == 0 {
            return Ok(true);
        }
        cmd.early = true;
        if cmd.rcb.msi != 0 {
            self.signal(cmd.pe, cmd.rcb.msi.into(), "rrq", bus);
        }
        Err(Stop::Later(by))
    }
}
