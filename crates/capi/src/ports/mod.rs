//! FC ports of the AFU: registers, link state, online/offline handshake,
//! shutdown notification. A port keeps no time: it tells the AFU what to
//! schedule and hears of it through [`FcPort::arrive`].

mod errinj;

pub use errinj::Injected;

use crate::afu::codes::{ASTATUS_LINK_DN, ASTATUS_LINK_UP, ASTATUS_LOGI_S};
use crate::afu::regs::{RegFile, Word, fc};
use serde::{Deserialize, Serialize};

/// A port, as a scenario describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortConfig {
    /// World wide port name; also what the VPD keywords V5.. carry. 0 on
    /// adapters whose names are programmed already.
    pub wwpn: u64,
    /// A cable is plugged in.
    pub plugged: bool,
}

/// State of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    /// Synchronized and logged in: `FC_MTIP_STATUS_ONLINE`.
    Online,
    /// Taken offline: `FC_MTIP_STATUS_OFFLINE`.
    Offline,
    /// Asked to be online, no light: neither.
    Down,
}

/// State of the shutdown notification (`SISL_FC_SHUTDOWN_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shutdown {
    /// Not asked.
    No,
    /// Finishing what is open.
    Active,
    /// Everything finished; new commands end with `FC_RC_SHUTDOWN`.
    Complete,
}

/// What the AFU has to do after a store to a port register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Nothing.
    Nothing,
    /// Call [`FcPort::arrive`] after the time a port takes to go offline.
    Offline,
    /// Call [`FcPort::arrive`] after the time a port takes to come online.
    Online,
    /// Finish the shutdown when no command is open on this port.
    Shutdown,
}

impl Ask {
    /// Lowercase name, for fault injection.
    pub fn name(self) -> &'static str {
        match self {
            Ask::Nothing => "nothing",
            Ask::Offline => "offline",
            Ask::Online => "online",
            Ask::Shutdown => "shutdown",
        }
    }
}

const CMDCONFIG_ONLINE: u64 = 0x20;
const CMDCONFIG_OFFLINE: u64 = 0x40;
const CONFIG_AUTO_LOGIN: u64 = 0x01;
const CONFIG_PORT_RESET: u64 = 0x10;
const CONFIG2_SHUTDOWN: u64 = 0x30;
const CONFIG2_ECHO: u64 = 1 << 40;
/// Unspecified: frames of one loopback test.
const ECHO_FRAMES: u64 = 1000;
/// Half of FC_CNT_LINKERR that counts port resets; the other counts link losses.
const LINKERR_RESET: u64 = 1 << 16;
const STATUS_SHUTDOWN_ACTIVE: u64 = 0x10;
const STATUS_SHUTDOWN_COMPLETE: u64 = 0x20;
const STATUS_LINK_TRAINED: u64 = 0x1;

/// One FC port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FcPort {
    config: PortConfig,
    number: u8,
    regs: RegFile,
    plugged: bool,
    link: Link,
    /// Where the link is going, and which transition may take it there.
    heading: Option<Link>,
    generation: u32,
    shutdown: Shutdown,
    /// Commands that an injection has let pass.
    passed: u64,
}

impl FcPort {
    /// A port after an AFU reset.
    pub fn new(config: PortConfig, number: u8) -> FcPort {
        let plugged = config.plugged;
        let regs = RegFile::new(fc::TABLE);
        let mut port = FcPort {
            config,
            number,
            regs,
            plugged,
            link: Link::Down,
            heading: None,
            generation: 0,
            shutdown: Shutdown::No,
            passed: 0,
        };
        port.reset();
        port
    }
    /// AFU reset: reset values; the link comes up again if there is a cable.
    pub fn reset(&mut self) {
        self.regs.reset(fc::TABLE);
        self.regs.set(fc::TABLE, fc::FC_PNAME, self.config.wwpn);
        self.regs.set(fc::TABLE, fc::FC_NNAME, self.config.wwpn);
        // Unspecified: what the fabric shows; one target behind each port.
        self.regs.set(fc::TABLE, fc::FC_PORT_ID, 0x01_0000 | u64::from(self.number));
        self.regs.set(fc::TABLE, fc::FC_TGT_D_ID, 0x02_0000 | u64::from(self.number));
        self.regs.set(fc::TABLE, fc::FC_TGT_PNAME, 0x5005_0768_0182_8600 | u64::from(self.number));
        self.regs.set(fc::TABLE, fc::FC_TGT_NNAME, 0x5005_0768_0182_8600);
        self.generation += 1;
        self.heading = None;
        self.shutdown = Shutdown::No;
        self.passed = 0;
        self.link = if self.plugged { Link::Online } else { Link::Down };
    }
    /// State of the link.
    pub fn link(&self) -> Link {
        self.link
    }
    /// Commands can be sent through this port.
    pub fn is_up(&self) -> bool {
        self.link == Link::Online
    }
    /// State of the shutdown notification.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown
    }
    /// Tells a transition apart from those overtaken by a later one.
    pub fn generation(&self) -> u32 {
        self.generation
    }
    /// Lowercase name of the link state, for traces.
    pub fn state_name(&self) -> &'static str {
        match self.link {
            Link::Online => "online",
            Link::Offline => "offline",
            Link::Down => "down",
        }
    }

    /// The value of a register, without side effect.
    pub fn register(&self, offset: u16) -> u64 {
        self.regs.get(fc::TABLE, offset)
    }
    /// A load from the port's page.
    pub fn load(&mut self, offset: u16) -> u64 {
        match offset {
            fc::FC_MTIP_STATUS => match self.link {
                Link::Online => 0x20,
                Link::Offline => 0x10,
                Link::Down => 0,
            },
            fc::FC_STATUS => {
                let shut = match self.shutdown {
                    Shutdown::No => 0,
                    Shutdown::Active => STATUS_SHUTDOWN_ACTIVE,
                    Shutdown::Complete => STATUS_SHUTDOWN_ACTIVE | STATUS_SHUTDOWN_COMPLETE,
                };
                let trained = if self.is_up() { 0 } else { STATUS_LINK_TRAINED };
                self.regs.get(fc::TABLE, offset) & !trained | shut
            }
            fc::FC_TGT_LOGI => u64::from(self.is_up()),
            _ => self.regs.load(fc::TABLE, offset),
        }
    }

    /// A store to the port's page.
    pub fn store(&mut self, offset: u16, word: Word) -> Ask {
        if matches!(offset, fc::FC_PNAME | fc::FC_NNAME) && self.is_up() {
            return Ask::Nothing; // names change only while the port is not online
        }
        let old = self.regs.get(fc::TABLE, offset);
        self.regs.store(fc::TABLE, offset, word);
        let now = self.regs.get(fc::TABLE, offset);
        match offset {
            fc::FC_MTIP_CMDCONFIG if now & CMDCONFIG_OFFLINE != 0 => self.head(Link::Offline),
            fc::FC_MTIP_CMDCONFIG if now & CMDCONFIG_ONLINE != 0 => self.head(Link::Online),
            fc::FC_CONFIG if now & CONFIG_PORT_RESET != 0 => {
                self.regs.set(fc::TABLE, offset, now & !CONFIG_PORT_RESET);
                self.count(fc::FC_CNT_LINKERR, LINKERR_RESET);
                // Without automatic login the port stays down after a reset.
                let login = now & CONFIG_AUTO_LOGIN != 0;
                self.heading = Some(if login { Link::Online } else { Link::Offline });
                self.generation += 1;
                if login { Ask::Online } else { Ask::Offline }
            }
            fc::FC_ERRINJ => {
                self.passed = 0;
                Ask::Nothing
            }
            fc::FC_CONFIG2 if old & !now & CONFIG2_ECHO != 0 => {
                self.echoed();
                Ask::Nothing
            }
            fc::FC_CONFIG2 if now & CONFIG2_SHUTDOWN != 0 && self.shutdown == Shutdown::No => {
                self.shutdown = Shutdown::Active;
                Ask::Shutdown
            }
            _ => Ask::Nothing,
        }
    }

    /// A loopback test ends. Its counters are never cleared but by a reset.
    fn echoed(&mut self) {
        self.count(fc::FC_LOOPBACK_TXCNT, ECHO_FRAMES);
        let result = if self.plugged { fc::FC_LOOPBACK_PASSCNT } else { fc::FC_LOOPBACK_ERRCNT };
        self.count(result, ECHO_FRAMES);
    }
    /// Starts going to a state, unless the port is there or on its way.
    fn head(&mut self, to: Link) -> Ask {
        let there = self.heading.unwrap_or(self.link);
        if there == to || to == Link::Online && there == Link::Down && !self.plugged {
            return Ask::Nothing;
        }
        self.heading = Some(to);
        self.generation += 1;
        if to == Link::Online { Ask::Online } else { Ask::Offline }
    }

    /// The transition of `generation` is over. Returns the bits for this
    /// port's byte of `aintr_status`; `None` if it was overtaken.
    pub fn arrive(&mut self, generation: u32) -> Option<u8> {
        if generation != self.generation {
            return None;
        }
        let to = self.heading.take()?;
        let was_up = self.is_up();
        self.link = if to == Link::Online && !self.plugged { Link::Down } else { to };
        if was_up && !self.is_up() {
            self.count(fc::FC_CNT_LINKERR, 1);
        }
        Some(match (was_up, self.is_up()) {
            (true, false) => ASTATUS_LINK_DN,
            (false, true) => ASTATUS_LINK_UP | ASTATUS_LOGI_S,
            (true, true) => ASTATUS_LINK_DN | ASTATUS_LINK_UP | ASTATUS_LOGI_S,
            (false, false) => 0,
        })
    }

    /// The cable is pulled or plugged in. A pulled cable takes effect at once
    /// and gives bits for `aintr_status`; a plugged one asks for a transition.
    pub fn cable(&mut self, plugged: bool) -> (u8, Ask) {
        self.plugged = plugged;
        let was_up = self.is_up();
        match (plugged, self.link) {
            (false, Link::Online) => {
                self.link = Link::Down;
                self.count(fc::FC_CNT_LINKERR, 1);
                self.heading = None;
                self.generation += 1;
            }
            (true, Link::Down) => {
                self.heading = Some(Link::Online);
                self.generation += 1;
                return (0, Ask::Online);
            }
            _ => {}
        }
        (if was_up && !self.is_up() { ASTATUS_LINK_DN } else { 0 }, Ask::Nothing)
    }

    /// No command is open any more: the shutdown is complete.
    pub fn shut(&mut self) {
        if self.shutdown == Shutdown::Active {
            self.shutdown = Shutdown::Complete;
        }
    }

    /// Sets a register, as the hardware itself does.
    pub fn set(&mut self, offset: u16, value: u64) {
        self.regs.set(fc::TABLE, offset, value);
    }
    /// Adds to a counter register.
    pub fn count(&mut self, offset: u16, by: u64) {
        let now = self.regs.get(fc::TABLE, offset);
        self.regs.set(fc::TABLE, offset, now.wrapping_add(by));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(plugged: bool) -> FcPort {
        FcPort::new(PortConfig { wwpn: 0x5005_0760_7341_0001, plugged }, 0)
    }
    fn status(p: &mut FcPort) -> u64 {
        p.load(fc::FC_MTIP_STATUS)
    }

    #[test]
    fn offline_name_online_as_the_driver_does_it() {
        let mut p = port(true);
        p.store(fc::FC_PNAME, Word::full(7));
        assert_eq!((status(&mut p), p.load(fc::FC_PNAME)), (0x20, 0x5005_0760_7341_0001));
        assert_eq!(p.store(fc::FC_MTIP_CMDCONFIG, Word::full(0x43)), Ask::Offline);
        assert_eq!(status(&mut p), 0x20, "not before its time");
        assert_eq!(p.arrive(p.generation()), Some(ASTATUS_LINK_DN));
        assert_eq!(status(&mut p), 0x10);
        p.store(fc::FC_PNAME, Word::full(7));
        assert_eq!(p.load(fc::FC_PNAME), 7);
        assert_eq!(p.store(fc::FC_MTIP_CMDCONFIG, Word::full(0x23)), Ask::Online);
        assert_eq!(p.arrive(p.generation()), Some(ASTATUS_LINK_UP | ASTATUS_LOGI_S));
        assert_eq!(status(&mut p), 0x20);
    }

    #[test]
    fn a_later_request_overtakes_an_earlier_one() {
        let mut p = port(true);
        p.store(fc::FC_MTIP_CMDCONFIG, Word::full(0x40));
        let first = p.generation();
        p.store(fc::FC_MTIP_CMDCONFIG, Word::full(0x20));
        assert_eq!(p.arrive(first), None);
        assert_eq!(p.arrive(p.generation()), Some(ASTATUS_LINK_DN | ASTATUS_LINK_UP | ASTATUS_LOGI_S));
    }

    #[test]
    fn without_a_cable_the_port_never_comes_online() {
        let mut p = port(false);
        assert_eq!(status(&mut p), 0);
        assert_eq!(p.store(fc::FC_MTIP_CMDCONFIG, Word::full(0x40)), Ask::Offline);
        assert_eq!(p.arrive(p.generation()), Some(0));
        assert_eq!(p.store(fc::FC_MTIP_CMDCONFIG, Word::full(0x20)), Ask::Online);
        assert_eq!(p.arrive(p.generation()), Some(0));
        assert_eq!(status(&mut p), 0);
        assert_eq!(p.cable(true), (0, Ask::Online));
        p.arrive(p.generation());
        assert_eq!(status(&mut p), 0x20);
        assert_eq!(p.cable(false), (ASTATUS_LINK_DN, Ask::Nothing));
    }

    #[test]
    fn shutdown_bits() {
        let mut p = port(true);
        assert_eq!(p.store(fc::FC_CONFIG2, Word::full(0x10)), Ask::Shutdown);
        assert_eq!(p.load(fc::FC_STATUS) & 0x30, 0x10);
        p.shut();
        assert_eq!(p.load(fc::FC_STATUS) & 0x30, 0x30);
        p.reset();
        assert_eq!(p.load(fc::FC_STATUS), 0xCF);
    }
}
