//! Reservations of a unit: persistent ones (SPC-4 5.13) and the older
//! RESERVE and RELEASE (SPC-2 5.5). Initiators are the adapter's ports.

use super::commands::Does;
use super::sense::{self, RESERVATION_CONFLICT, Refusal, Sense};
use serde::{Deserialize, Serialize};

/// Most ports that can hold a registration.
pub const INITIATORS: usize = 4;
/// Length of the parameter list of PERSISTENT RESERVE OUT.
pub const OUT_LEN: u64 = 24;

/// Type of a persistent reservation (SPC-4 table 59).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind(u8);

impl Kind {
    /// Type codes the units support.
    pub const ALL: [u8; 6] = [1, 3, 5, 6, 7, 8];
    fn of(code: u8) -> Option<Kind> {
        Kind::ALL.contains(&code).then_some(Kind(code))
    }
    /// Others may read.
    fn write_exclusive(self) -> bool {
        matches!(self.0, 1 | 5 | 7)
    }
    /// Every registered initiator may do what the holder may.
    fn for_registrants(self) -> bool {
        self.0 >= 5
    }
    /// Every registered initiator is a holder.
    fn all_registrants(self) -> bool {
        self.0 >= 7
    }
}

/// A unit attention for another initiator.
pub type Attention = (usize, Sense);

/// Registrations and the reservation of one unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservations {
    generation: u32,
    keys: [Option<u64>; INITIATORS],
    /// The initiator that reserved, and how.
    held: Option<(u8, Kind)>,
    /// The initiator that sent RESERVE.
    legacy: Option<u8>,
}

/// What a command needs, to a unit that somebody else has reserved (SPC-4
/// table 66, SBC-3 table 13).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Free,
    Read,
    Exclusive,
}

fn access(does: Does, cdb: &[u8; 16]) -> Access {
    match does {
        Does::Inquiry
        | Does::ReportLuns
        | Does::RequestSense
        | Does::TestUnitReady
        | Does::ReadCapacity
        | Does::LogSense
        | Does::ReportSupportedOpcodes
        | Does::PersistentReserveIn
        | Does::PersistentReserveOut => Access::Free,
        Does::StartStopUnit if cdb[4] & 1 != 0 => Access::Free,
        Does::Read | Does::Verify => Access::Read,
        _ => Access::Exclusive,
    }
}

impl Reservations {
    /// Refuses a command that another initiator's reservation forbids.
    pub fn admit(&self, port: u8, does: Does, cdb: &[u8; 16]) -> Result<(), Refusal> {
        let conflict = Err(RESERVATION_CONFLICT.into());
        let reserves = matches!(does, Does::Reserve | Does::Release);
        if self.legacy.is_some_and(|p| p != port) {
            let exempt =
                matches!(does, Does::Inquiry | Does::ReportLuns | Does::RequestSense | Does::Release);
            return if exempt { Ok(()) } else { conflict };
        }
        // SPC-2 5.5.1: the two kinds exclude each other.
        let any_key = self.keys.iter().any(Option::is_some);
        let persistent = matches!(does, Does::PersistentReserveIn | Does::PersistentReserveOut);
        if reserves && any_key || persistent && self.legacy.is_some() {
            return conflict;
        }
        let Some((holder, kind)) = self.held else { return Ok(()) };
        let registered = self.key(port).is_some();
        if holder == port || registered && kind.for_registrants() {
            return Ok(());
        }
        match access(does, cdb) {
            Access::Free => Ok(()),
            Access::Read if kind.write_exclusive() => Ok(()),
            _ => conflict,
        }
    }
    /// RESERVE and RELEASE; [`Reservations::admit`] let them pass.
    pub fn reserve(&mut self, port: u8, does: Does) {
        match does {
            Does::Reserve => self.legacy = Some(port),
            _ if self.legacy == Some(port) => self.legacy = None,
            _ => {}
        }
    }
    /// A reset of the unit ends RESERVE, and nothing else.
    pub fn reset(&mut self) {
        self.legacy = None;
    }
    fn key(&self, port: u8) -> Option<u64> {
        self.keys.get(usize::from(port)).copied().flatten()
    }
    fn registered(&self) -> impl Iterator<Item = (usize, u64)> {
        self.keys.iter().enumerate().filter_map(|(n, k)| Some((n, (*k)?)))
    }

    /// Answer to PERSISTENT RESERVE IN; `names` are the initiators' port names.
    pub fn report(&self, action: u8, names: &[u64; INITIATORS]) -> Vec<u8> {
        if action == 2 {
            // TMV; every type of `Kind::ALL`. Nothing persists through power loss.
            return vec![0, 8, 0, 0x80, 0xEA, 0x01, 0, 0];
        }
        let mut list = Vec::new();
        match action {
            0 => self.registered().for_each(|(_, key)| list.extend(key.to_be_bytes())),
            1 => {
                if let Some((holder, kind)) = self.held {
                    let key = if kind.all_registrants() { 0 } else { self.key(holder).unwrap_or(0) };
                    list.extend(key.to_be_bytes());
                    list.extend([0, 0, 0, 0, 0, kind.0, 0, 0]);
                }
            }
            _ => self.registered().for_each(|(n, key)| list.extend(self.full_status(n, key, names[n]))),
        }
        let mut d = self.generation.to_be_bytes().to_vec();
        d.extend((list.len() as u32).to_be_bytes());
        d.extend(list);
        d
    }
    fn full_status(&self, port: usize, key: u64, name: u64) -> Vec<u8> {
        let mut d = key.to_be_bytes().to_vec();
        let kind = self.held.filter(|(p, k)| usize::from(*p) == port || k.all_registrants());
        d.extend([0; 4]);
        d.extend([u8::from(kind.is_some()), kind.map_or(0, |(_, k)| k.0), 0, 0, 0, 0]);
        d.extend((port as u16 + 1).to_be_bytes()); // RELATIVE TARGET PORT IDENTIFIER
        d.extend(24u32.to_be_bytes());
        d.extend([0; 8]); // TransportID of Fibre Channel (SPC-4 7.6.4.2)
        d.extend(name.to_be_bytes());
        d.extend([0; 8]);
        d
    }

    /// PERSISTENT RESERVE OUT with its parameter list; what other initiators hear.
    pub fn change(&mut self, port: u8, cdb: &[u8; 16], list: &[u8]) -> Result<Vec<Attention>, Refusal> {
        let Ok(list) = <&[u8; OUT_LEN as usize]>::try_from(list) else {
            return Err(sense::PARAMETER_LENGTH.into());
        };
        let be = |at: usize| list[at..at + 8].iter().fold(0u64, |v, b| v << 8 | u64::from(*b));
        let (key, new, action) = (be(0), be(8), cdb[1] & 0x1F);
        // SPEC_I_PT, ALL_TG_PT, APTPL: none is supported.
        for bit in [3, 2, 0] {
            if list[20] >> bit & 1 != 0 {
                return Err(sense::INVALID_PARAMETER.in_list(20, Some(bit)).into());
            }
        }
        let mine = self.key(port);
        match action {
            6 => return Ok(self.register(port, new)),
            0 if mine.unwrap_or(0) != key => return Err(RESERVATION_CONFLICT.into()),
            0 => return Ok(self.register(port, new)),
            _ if mine != Some(key) => return Err(RESERVATION_CONFLICT.into()),
            _ => {}
        }
        let kind = match action {
            3 => None,
            // Scope LU, and a type there is.
            _ => Some(
                Kind::of(cdb[2] & 0xF)
                    .filter(|_| cdb[2] >> 4 == 0)
                    .ok_or(sense::INVALID_FIELD.in_cdb(2, None))?,
            ),
        };
        match (action, kind) {
            (1, Some(kind)) => self.take(port, kind),
            (2, Some(kind)) => self.give_up(port, kind),
            (4, Some(kind)) => self.preempt(port, new, kind),
            _ => Ok(self.clear(port)),
        }
    }
    fn others(&self, port: u8, what: Sense) -> Vec<Attention> {
        self.registered().filter(|(n, _)| *n != usize::from(port)).map(|(n, _)| (n, what)).collect()
    }
    fn register(&mut self, port: u8, key: u64) -> Vec<Attention> {
        self.generation = self.generation.wrapping_add(1);
        let mut told = vec![];
        if let Some(place) = self.keys.get_mut(usize::from(port)) {
            *place = (key != 0).then_some(key);
        }
        // The holder takes its registration back: with it goes the reservation.
        if let (0, Some((holder, kind))) = (key, self.held)
            && (holder == port || kind.all_registrants())
        {
            let next = self.registered().next();
            match next {
                Some((next, _)) if kind.all_registrants() => self.held = Some((next as u8, kind)),
                _ => {
                    self.held = None;
                    if kind.for_registrants() {
                        told = self.others(port, sense::RESERVATIONS_RELEASED);
                    }
                }
            }
        }
        told
    }
    fn holds(&self, port: u8) -> bool {
        self.held.is_some_and(|(p, k)| p == port || k.all_registrants())
    }
    fn take(&mut self, port: u8, kind: Kind) -> Result<Vec<Attention>, Refusal> {
        match self.held {
            None => self.held = Some((port, kind)),
            Some((_, k)) if k == kind && self.holds(port) => {}
            Some(_) => return Err(RESERVATION_CONFLICT.into()),
        }
        Ok(vec![])
    }
    fn give_up(&mut self, port: u8, kind: Kind) -> Result<Vec<Attention>, Refusal> {
        match self.held {
            Some((_, k)) if self.holds(port) && k != kind => Err(sense::INVALID_RELEASE.into()),
            Some((_, k)) if self.holds(port) => {
                self.held = None;
                let told = self.others(port, sense::RESERVATIONS_RELEASED);
                Ok(if k.for_registrants() { told } else { vec![] })
            }
            _ => Ok(vec![]),
        }
    }
    fn clear(&mut self, port: u8) -> Vec<Attention> {
        let told = self.others(port, sense::RESERVATIONS_PREEMPTED);
        *self = Reservations { generation: self.generation.wrapping_add(1), ..Reservations::default() };
        told
    }
    /// SPC-4 5.13.11.4.
    fn preempt(&mut self, port: u8, victim: u64, kind: Kind) -> Result<Vec<Attention>, Refusal> {
        let held_by_all = self.held.is_some_and(|(_, k)| k.all_registrants());
        if victim == 0 && !held_by_all {
            return Err(sense::INVALID_PARAMETER.in_list(8, None).into());
        }
        if victim != 0 && !self.registered().any(|(_, k)| k == victim) {
            return Err(RESERVATION_CONFLICT.into());
        }
        let takes_over = match self.held {
            Some((_, k)) if k.all_registrants() => victim == 0,
            Some((holder, _)) => self.key(holder) == Some(victim),
            None => false,
        };
        let mine = usize::from(port);
        let hit: Vec<usize> = self
            .registered()
            .filter(|(n, k)| *n != mine && (victim == 0 || *k == victim))
            .map(|(n, _)| n)
            .collect();
        hit.iter().for_each(|&n| self.keys[n] = None);
        self.generation = self.generation.wrapping_add(1);
        if takes_over {
            self.held = Some((port, kind));
        } else if let Some((holder, k)) = self.held
            && k.all_registrants()
            && self.key(holder).is_none()
        {
            self.held = Some((port, k));
        }
        Ok(hit.into_iter().map(|n| (n, sense::REGISTRATIONS_PREEMPTED)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: [u8; 16] = [0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const WRITE: [u8; 16] = [0x2A, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    fn out(r: &mut Reservations, port: u8, action: u8, kind: u8, key: u64, new: u64) -> String {
        let mut cdb = [0; 16];
        cdb[..3].copy_from_slice(&[0x5F, action, kind]);
        let list = [key.to_be_bytes(), new.to_be_bytes(), [0; 8]].concat();
        match r.change(port, &cdb, &list) {
            Ok(told) => {
                told.iter().map(|(n, s)| format!("{n}:{:02x}/{:02x} ", s.asc, s.ascq)).collect::<String>()
            }
            Err(Refusal::Status(s)) => format!("status {:02x}", s.0),
            Err(Refusal::Check(s)) => format!("{:x}/{:02x}/{:02x}", s.key, s.asc, s.ascq),
        }
    }
    fn may(r: &Reservations, port: u8) -> (bool, bool) {
        (r.admit(port, Does::Read, &READ).is_ok(), r.admit(port, Does::Write, &WRITE).is_ok())
    }

    #[test]
    fn types_decide_who_may_what() {
        // Type; then what the holder, a registrant and a stranger may read and write.
        for (kind, registrant, stranger) in [
            (1, (true, false), (true, false)),
            (3, (false, false), (false, false)),
            (5, (true, true), (true, false)),
            (6, (true, true), (false, false)),
            (7, (true, true), (true, false)),
            (8, (true, true), (false, false)),
        ] {
            let mut r = Reservations::default();
            assert_eq!(out(&mut r, 0, 0, 0, 0, 0xA), "");
            assert_eq!(out(&mut r, 1, 0, 0, 0, 0xB), "");
            assert_eq!(out(&mut r, 0, 1, kind, 0xA, 0), "");
            assert_eq!([may(&r, 0), may(&r, 1), may(&r, 2)], [(true, true), registrant, stranger], "{kind}");
            assert!(r.admit(2, Does::TestUnitReady, &[0; 16]).is_ok());
        }
    }

    #[test]
    fn keys_guard_every_action() {
        let mut r = Reservations::default();
        assert_eq!(out(&mut r, 0, 0, 0, 9, 0xA), "status 18", "a key before any was registered");
        assert_eq!(out(&mut r, 0, 1, 1, 0xA, 0), "status 18", "not registered");
        assert_eq!(out(&mut r, 0, 6, 0, 9, 0xA), "", "and ignore existing key");
        assert_eq!(out(&mut r, 0, 1, 2, 0xA, 0), "5/24/00", "no such type");
        assert_eq!(out(&mut r, 0, 1, 0x11, 0xA, 0), "5/24/00", "no such scope");
        assert_eq!(out(&mut r, 0, 1, 1, 0xA, 0), "");
        assert_eq!(out(&mut r, 0, 1, 3, 0xA, 0), "status 18", "another type");
        assert_eq!(out(&mut r, 0, 2, 3, 0xA, 0), "5/26/04", "release of another type");
        assert_eq!(out(&mut r, 1, 6, 0, 0, 0xB), "");
        assert_eq!(out(&mut r, 1, 2, 1, 0xB, 0), "", "release by another: nothing happens");
        assert_eq!(may(&r, 1), (true, false));
        assert_eq!(out(&mut r, 1, 4, 3, 0xB, 0xC), "status 18", "nobody has this key");
        assert_eq!(out(&mut r, 1, 4, 3, 0xB, 0xA), "0:2a/05 ");
        assert_eq!((may(&r, 1), may(&r, 0)), ((true, true), (false, false)));
        assert_eq!(
            r.report(1, &[0; 4])[4..],
            [0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0xB, 0, 0, 0, 0, 0, 3, 0, 0]
        );
        assert_eq!(r.report(0, &[0; 4]), [0, 0, 0, 3, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0xB]);
        assert_eq!(out(&mut r, 1, 3, 0, 0xB, 0), "");
        assert_eq!(r.report(0, &[0; 4]), [0, 0, 0, 4, 0, 0, 0, 0]);
    }

    #[test]
    fn the_end_of_a_registrants_only_reservation_is_told() {
        let mut r = Reservations::default();
        for (port, key) in [(0, 1), (1, 2), (3, 3)] {
            assert_eq!(out(&mut r, port, 0, 0, 0, key), "");
        }
        assert_eq!(out(&mut r, 0, 1, 6, 1, 0), "");
        assert_eq!(out(&mut r, 0, 0, 0, 1, 0), "1:2a/04 3:2a/04 ", "holder unregisters");
        assert_eq!(out(&mut r, 1, 1, 8, 2, 0), "", "all registrants");
        assert_eq!(out(&mut r, 1, 0, 0, 2, 0), "", "another holder is left");
        assert_eq!(may(&r, 0), (false, false));
        let full = r.report(3, &[0, 0, 0, 0x5005]);
        assert_eq!((full.len(), full[20], full[21], full[46..48].to_vec()), (56, 1, 8, vec![0x50, 0x05]));
    }

    #[test]
    fn reserve_and_release_of_the_old_kind() {
        let mut r = Reservations::default();
        r.reserve(0, Does::Reserve);
        assert!(r.admit(0, Does::Write, &WRITE).is_ok());
        assert_eq!(r.admit(1, Does::TestUnitReady, &[0; 16]), Err(RESERVATION_CONFLICT.into()));
        assert!(r.admit(1, Does::Inquiry, &[0; 16]).is_ok());
        r.reserve(1, Does::Release);
        assert!(r.admit(1, Does::Read, &READ).is_err(), "not its own");
        r.reset();
        assert!(r.admit(1, Does::Read, &READ).is_ok());
        assert_eq!(out(&mut r, 1, 0, 0, 0, 5), "");
        assert_eq!(r.admit(0, Does::Reserve, &[0x16; 16]), Err(RESERVATION_CONFLICT.into()));
    }
}
