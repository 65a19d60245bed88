//! Small answers of a unit: INQUIRY and its VPD pages, capacities, mode and
//! log pages. Each function gives the whole answer; the caller truncates it
//! to the allocation length.

use super::commands::{COMMANDS, Command};
use super::lun::Lun;
use super::sense::{INVALID_FIELD, INVALID_PARAMETER, NO_SAVING, PARAMETER_LENGTH, Sense};
use serde::{Deserialize, Serialize};

/// Largest transfer of one command in bytes; also the driver's limit.
pub const MAX_TRANSFER: u64 = 16 << 20;
/// Largest number of blocks of a WRITE SAME.
pub const MAX_WRITE_SAME: u64 = 65_536;
/// Largest number of descriptors of an UNMAP.
pub const MAX_UNMAP_DESCRIPTORS: usize = 256;

/// What a target says about itself (SPC-4 6.6.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// T10 vendor identification, 8 characters.
    pub vendor: String,
    /// Product identification, 16 characters.
    pub product: String,
    /// Product revision level, 4 characters.
    pub revision: String,
}

fn put_text(out: &mut [u8], text: &str) {
    out.fill(b' ');
    for (place, byte) in out.iter_mut().zip(text.bytes().filter(|b| (0x20..0x7F).contains(b))) {
        *place = byte;
    }
}

/// Standard INQUIRY data. `present` is false for a LUN without a unit.
pub fn inquiry(id: &Identity, present: bool) -> Vec<u8> {
    let mut d = vec![0; 36];
    d[0] = if present { 0x00 } else { 0x7F };
    d[2] = 6; // SPC-4: the kernel then asks for VPD pages and READ CAPACITY(16)
    d[3] = 0x22; // NORMACA, response data format 2
    d[4] = (d.len() - 5) as u8;
    d[7] = 0x02; // CMDQUE
    put_text(&mut d[8..16], &id.vendor);
    put_text(&mut d[16..32], &id.product);
    put_text(&mut d[32..36], &id.revision);
    d
}

/// The body of a VPD page.
type Body = fn(&Lun) -> Vec<u8>;

/// VPD pages, in the order page 00h lists them.
const VPD: &[(u8, Body)] = &[
    (0x00, vpd_list),
    (0x80, vpd_serial),
    (0x83, vpd_ids),
    (0xB0, vpd_limits),
    (0xB1, vpd_medium),
    (0xB2, vpd_thin),
];

/// A VPD page (SPC-4 7.8, SBC-3 6.6).
pub fn vpd(lun: &Lun, page: u8) -> Result<Vec<u8>, Sense> {
    let (_, body) = VPD.iter().find(|(p, _)| *p == page).ok_or(INVALID_FIELD.in_cdb(2, None))?;
    let body = body(lun);
    let mut d = vec![0, page];
    d.extend((body.len() as u16).to_be_bytes());
    d.extend(body);
    Ok(d)
}

fn vpd_list(_: &Lun) -> Vec<u8> {
    VPD.iter().map(|(p, _)| *p).collect()
}
fn vpd_serial(lun: &Lun) -> Vec<u8> {
    lun.config.wwid.iter().flat_map(|b| format!("{b:02X}").into_bytes()).collect()
}
fn vpd_ids(lun: &Lun) -> Vec<u8> {
    let mut d = vec![0x01, 0x03, 0x00, 16]; // binary; NAA of the logical unit
    d.extend(lun.config.wwid);
    d
}
fn vpd_limits(lun: &Lun) -> Vec<u8> {
    let mut d = vec![0; 60];
    let mut put = |at: usize, v: u32| d[at - 4..at].copy_from_slice(&v.to_be_bytes());
    put(8, (MAX_TRANSFER / lun.block()) as u32);
    if lun.config.unmap {
        put(20, u32::MAX);
        put(24, MAX_UNMAP_DESCRIPTORS as u32);
        put(28, 1);
    }
    put(40, MAX_WRITE_SAME as u32); // low half of the 8-byte field
    d[0] = 1; // WSNZ
    d[3] = 1; // OPTIMAL TRANSFER LENGTH GRANULARITY
    d
}
fn vpd_medium(_: &Lun) -> Vec<u8> {
    let mut d = vec![0; 60];
    d[1] = 1; // non-rotating
    d
}
fn vpd_thin(lun: &Lun) -> Vec<u8> {
    // LBPU, LBPWS, LBPWS10, LBPRZ; thin provisioned.
    if lun.config.unmap { vec![0, 0xE4, 2, 0] } else { vec![0, 0, 0, 0] }
}

/// READ CAPACITY(10) data (SBC-3 5.15.2).
pub fn capacity10(lun: &Lun) -> Vec<u8> {
    let last = u32::try_from(lun.config.blocks() - 1).unwrap_or(u32::MAX);
    [last.to_be_bytes(), (lun.block() as u32).to_be_bytes()].concat()
}

/// READ CAPACITY(16) data (SBC-3 5.16.2).
pub fn capacity16(lun: &Lun) -> Vec<u8> {
    let mut d = vec![0; 32];
    d[..8].copy_from_slice(&(lun.config.blocks() - 1).to_be_bytes());
    d[8..12].copy_from_slice(&(lun.block() as u32).to_be_bytes());
    if lun.config.unmap {
        d[14] = 0xC0; // LBPME, LBPRZ
    }
    d
}

/// Which values of a mode page are meant (SPC-4 table 138).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Current,
    Changeable,
    Default,
}

/// Mode pages there are: caching (SBC-3 6.5.5), control (SPC-4 7.5.8).
const MODE_PAGES: [u8; 2] = [0x08, 0x0A];
/// WRITE CACHE ENABLE, in byte 2 of the caching page.
const WCE: u8 = 0x04;

fn mode_page(lun: &Lun, page: u8, values: Values) -> Option<Vec<u8>> {
    let mut d = match page {
        0x08 => vec![0; 20],
        0x0A => vec![0; 12],
        _ => return None,
    };
    d[0] = page;
    d[1] = d.len() as u8 - 2;
    let on = match values {
        Values::Current => lun.write_cache(),
        Values::Changeable => lun.has_volatile_cache(),
        Values::Default => lun.has_volatile_cache(),
    };
    match page {
        0x08 => d[2] = if on { WCE } else { 0 },
        _ if values != Values::Changeable => d[3] = 0x10, // unrestricted reordering
        _ => {}
    }
    Some(d)
}

/// MODE SENSE(6) and (10) data; no block descriptors.
pub fn mode_sense(lun: &Lun, cdb: &[u8; 16]) -> Result<Vec<u8>, Sense> {
    let (page, subpage) = (cdb[2] & 0x3F, cdb[3]);
    let values = match cdb[2] >> 6 {
        0 => Values::Current,
        1 => Values::Changeable,
        2 => Values::Default,
        _ => return Err(NO_SAVING),
    };
    let wanted = match (page, subpage) {
        (0x3F, 0 | 0xFF) => &MODE_PAGES[..],
        (0x3F, _) => return Err(INVALID_FIELD.in_cdb(3, None)),
        _ => {
            let known = MODE_PAGES.iter().position(|p| *p == page);
            let at = known.ok_or(INVALID_FIELD.in_cdb(2, Some(5)))?;
            if subpage != 0 {
                return Err(INVALID_FIELD.in_cdb(3, None));
            }
            &MODE_PAGES[at..=at]
        }
    };
    let pages: Vec<u8> = wanted.iter().filter_map(|&p| mode_page(lun, p, values)).flatten().collect();
    let specific = 0x10 | if lun.is_write_protected() { 0x80 } else { 0 }; // DPOFUA, WP
    let mut d = if cdb[0] == 0x1A {
        vec![(pages.len() + 3) as u8, 0, specific, 0]
    } else {
        vec![0, (pages.len() + 6) as u8, 0, specific, 0, 0, 0, 0]
    };
    d.extend(pages);
    Ok(d)
}

/// The parameter list of a MODE SELECT: the new WCE, if it has the caching
/// page. Nothing else can be changed.
pub fn mode_select(lun: &Lun, cdb: &[u8; 16], list: &[u8]) -> Result<Option<bool>, Sense> {
    let header = if cdb[0] == 0x15 { 4 } else { 8 };
    if list.len() < header {
        return Err(PARAMETER_LENGTH);
    }
    let descriptors = &list[header - if header == 4 { 1 } else { 2 }..header];
    if let Some(at) = descriptors.iter().position(|b| *b != 0) {
        return Err(INVALID_PARAMETER.in_list((header - descriptors.len() + at) as u16, None));
    }
    let (mut at, mut wce) = (header, None);
    while at < list.len() {
        let code = list[at];
        let now = mode_page(lun, code & 0x7F, Values::Current);
        let Some(now) = now else { return Err(INVALID_PARAMETER.in_list(at as u16, Some(5))) };
        let mask = mode_page(lun, code & 0x7F, Values::Changeable).unwrap_or_default();
        let Some(new) = list.get(at..at + now.len()) else { return Err(PARAMETER_LENGTH) };
        for i in 1..now.len() {
            let may = if i == 1 { 0 } else { mask[i] };
            if (new[i] ^ now[i]) & !may != 0 {
                return Err(INVALID_PARAMETER.in_list((at + i) as u16, None));
            }
        }
        if code & 0x7F == 0x08 {
            wce = Some(new[2] & WCE != 0);
        }
        at += now.len();
    }
    Ok(wce)
}

/// LOG SENSE data: temperature (SPC-4 7.3.21) and solid state media (SBC-3 6.4.6).
pub fn log_sense(lun: &Lun, cdb: &[u8; 16]) -> Result<Vec<u8>, Sense> {
    let (page, first) = (cdb[2] & 0x3F, u16::from_be_bytes([cdb[5], cdb[6]]));
    let temperature = lun.temperature();
    let parameters = match (page, cdb[3]) {
        (0x00, 0) => vec![vec![0x00], vec![0x0D], vec![0x11]],
        (0x0D, 0) => vec![vec![0, 0, 3, 2, 0, temperature], vec![0, 1, 3, 2, 0, 70]],
        (0x11, 0) => vec![vec![0, 1, 3, 4, 0, 0, 0, lun.percentage_used()]],
        (0x00 | 0x0D | 0x11, _) => return Err(INVALID_FIELD.in_cdb(3, None)),
        _ => return Err(INVALID_FIELD.in_cdb(2, Some(5))),
    };
    let code = |p: &[u8]| u16::from_be_bytes([p[0], p.get(1).copied().unwrap_or(0)]);
    if page != 0 && parameters.iter().all(|p| code(p) < first) {
        return Err(INVALID_FIELD.in_cdb(5, None));
    }
    let body: Vec<u8> = parameters.into_iter().filter(|p| page == 0 || code(p) >= first).flatten().collect();
    let mut d = vec![page, 0, 0, body.len() as u8];
    d.extend(body);
    Ok(d)
}

/// REPORT SUPPORTED OPERATION CODES data (SPC-4 6.34).
pub fn report_opcodes(cdb: &[u8; 16]) -> Result<Vec<u8>, Sense> {
    let (option, opcode, action) = (cdb[2] & 7, cdb[3], u16::from_be_bytes([cdb[4], cdb[5]]));
    if option == 0 {
        let rows: Vec<u8> = COMMANDS.iter().flat_map(opcode_row).collect();
        let mut d = (rows.len() as u32).to_be_bytes().to_vec();
        d.extend(rows);
        return Ok(d);
    }
    let mut rows = COMMANDS.iter().filter(|c| c.opcode == opcode);
    let has_actions = rows.clone().any(|c| c.action.is_some());
    let found = match (option, has_actions) {
        (1, true) | (2, false) if rows.clone().next().is_some() => {
            return Err(INVALID_FIELD.in_cdb(2, Some(2)));
        }
        (1, false) => rows.next(),
        (2 | 3, _) => rows.find(|c| c.action.is_none_or(|a| u16::from(a) == action)),
        _ => return Err(INVALID_FIELD.in_cdb(2, Some(2))),
    };
    let mut d = vec![0, if found.is_some() { 3 } else { 1 }, 0, 0];
    if let Some(c) = found {
        d[3] = c.usage.len() as u8;
        d.extend(c.usage);
    }
    Ok(d)
}

fn opcode_row(c: &Command) -> [u8; 8] {
    let action = c.action.unwrap_or(0);
    [c.opcode, 0, 0, action, 0, u8::from(c.action.is_some()), 0, c.usage.len() as u8]
}
