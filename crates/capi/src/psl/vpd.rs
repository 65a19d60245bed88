//! Vital product data: the resource list behind the PCI VPD capability
//! (PCI Local Bus 3.0, appendix I).

use serde::{Deserialize, Serialize};

const TAG_STRING: u8 = 0x82;
const TAG_READ_ONLY: u8 = 0x90;
const TAG_END: u8 = 0x78;

/// What the VPD of an adapter says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vpd {
    /// Product name.
    pub name: String,
    /// PN: part number.
    pub part_number: String,
    /// SN: serial number.
    pub serial: String,
    /// V5, V6, ...: a world wide port name for each port.
    pub wwpns: Vec<u64>,
}

fn large(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    out.push(tag);
    let len = u16::try_from(body.len()).expect("VPD strings are cut to 255 bytes");
    out.extend(len.to_le_bytes());
    out.extend(body);
}

fn keyword(out: &mut Vec<u8>, name: [u8; 2], value: &[u8]) {
    let value = &value[..value.len().min(255)];
    out.extend(name);
    out.push(value.len() as u8);
    out.extend(value);
}

impl Vpd {
    /// The resource list, with RV checksum and end tag. Names are cut so that
    /// four ports still fit the 256 bytes that cxlflash reads.
    pub fn bytes(&self) -> Vec<u8> {
        let cut = |s: &str| s.bytes().take(24).collect::<Vec<u8>>();
        let mut out = Vec::new();
        large(&mut out, TAG_STRING, &cut(&self.name));
        let mut body = Vec::new();
        keyword(&mut body, *b"PN", &cut(&self.part_number));
        keyword(&mut body, *b"SN", &cut(&self.serial));
        for (wwpn, digit) in self.wwpns.iter().zip(b'5'..=b'8') {
            keyword(&mut body, [b'V', digit], format!("{wwpn:016X}").as_bytes());
        }
        // RV: the checksum makes the sum of all bytes up to it zero.
        body.extend([b'R', b'V', 1, 0]);
        large(&mut out, TAG_READ_ONLY, &body);
        let sum = out.iter().fold(0u8, |sum, b| sum.wrapping_add(*b));
        if let Some(checksum) = out.last_mut() {
            *checksum = sum.wrapping_neg();
        }
        out.push(TAG_END);
        out
    }
    /// The four bytes at `address`; zeroes beyond the end.
    pub fn word(&self, address: u16) -> [u8; 4] {
        let bytes = self.bytes();
        let mut word = [0; 4];
        for (i, b) in word.iter_mut().enumerate() {
            *b = bytes.get(usize::from(address) + i).copied().unwrap_or(0);
        }
        word
    }
}
