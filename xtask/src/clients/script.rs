//! What the guest does in a boot, as shell text, and how its words are found again in the console's text.
//!
//! Each line of output goes to `/dev/kmsg` in a write of its own: the kernel then keeps it whole, beside its own messages, on
//! our machine's console as on QEMU's.

use std::collections::BTreeMap;

use super::Session;
use super::table::{DISK_BYTES, LIMIT_SECONDS};

/// Where the script is in the guest, without a leading slash.
pub const PATH: &str = "etc/clients.sh";
/// Begins every line that is meant for us.
const MARK: &str = "capisim-client: ";
/// Stands before the name of a client that begins.
pub const BEGINS: &str = "capisim-client: begin ";
/// Ends a boot.
pub const FINISHED: &str = "capisim-client: finished";
/// Longest part of a line in one message; the kernel takes less than a KiB.
const FOLD: u32 = 800;

/// The guest's own SCSI target: a disk in memory, of the size of ours, on a loop.
fn kernel_target(block: u64) -> String {
    format!(
        "mkdir -p /var/target/pr\n\
         mount -t configfs none /sys/kernel/config\n\
         target=/sys/kernel/config/target; store=$target/core/fileio_0/disk; loop=$target/loopback/naa.5001405000000001/tpgt_1\n\
         mkdir -p $store && echo fd_dev_name=/target.disk,fd_dev_size={DISK_BYTES} >$store/control\n\
         echo 1 >$store/enable; echo {block} >$store/attrib/block_size\n\
         mkdir -p $loop/lun/lun_0 && echo naa.5001405000000002 >$loop/nexus; ln -s $store $loop/lun/lun_0/disk\n"
    )
}

/// Lists what the clients of `session` do, on the guest's own target if `target`; `path` gives a program's path in the guest.
pub fn script(
    session: &Session,
    target: bool,
    mut path: impl FnMut(&str) -> Result<String, String>,
) -> Result<String, String> {
    let target = if target { kernel_target(session.block) } else { String::new() };
    let mut text = format!(
        "#!/bin/sh\n\
         export variant=$1\n\
         say() {{ echo \"{MARK}$*\" >/dev/kmsg; }}\n\
         client() {{\n\
         say \"begin $1\"\n\
         timeout -s KILL {LIMIT_SECONDS} /bin/sh -c \"$2\" >/tmp/client.out 2>&1 </dev/null\n\
         status=$?\n\
         tr '\\r\\b' '\\n\\n' </tmp/client.out | fold -w {FOLD} | while IFS= read -r line || [ -n \"$line\" ]; do\n\
         echo \"{MARK}| $line\" >/dev/kmsg\n\
         done\n\
         say \"end $1 $status\"\n\
         }}\n\
         {target}for wait in $(seq 600); do\n\
         set -- /sys/class/scsi_disk/*/device/block/*; [ -e \"$1\" ] && break; usleep 100000\n\
         done\n\
         export disk=/dev/${{1##*/}}\n\
         set -- ${{1%/block/*}}/scsi_generic/*; export sg=/dev/${{1##*/}}\n\
         export HOME=/tmp LC_ALL=C\n"
    );
    for client in &session.clients {
        let command = place_programs(client.command, &mut path)?.replace('\'', r"'\''");
        text.push_str(&format!("client {} '{command}'\n", client.name));
    }
    text.push_str("say finished\n");
    Ok(text)
}

/// Puts paths in the place of `{name}`; `${name}` stays.
fn place_programs(
    command: &str,
    path: &mut impl FnMut(&str) -> Result<String, String>,
) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), command);
    while let Some(at) = rest.find('{') {
        let end = rest[at..]
            .find('}')
            .map(|len| at + len)
            .ok_or_else(|| format!("`{command}`: no closing brace"))?;
        out.push_str(&rest[..at]);
        if out.ends_with('$') {
            out.push_str(&rest[at..=end]);
        } else {
            out.push_str(&path(&rest[at + 1..end])?);
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// What a client did on one of the two disks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Exit status; none if it was still running when the boot ended.
    pub status: Option<u8>,
    /// Lines of both outputs.
    pub lines: Vec<String>,
}

/// Finds the outputs in the text of a console.
pub fn outputs(console: &str) -> BTreeMap<String, Output> {
    let mut found = BTreeMap::new();
    let mut current = String::new();
    for line in console.lines() {
        let Some((_, message)) = line.trim_end_matches('\r').split_once(MARK) else { continue };
        if let Some(name) = message.strip_prefix("begin ") {
            name.clone_into(&mut current);
            found.insert(current.clone(), Output { status: None, lines: vec![] });
        } else if let Some(output) = found.get_mut(&current) {
            if let Some(text) = message.strip_prefix("|") {
                output.lines.push(text.strip_prefix(' ').unwrap_or(text).trim_end().to_owned());
            } else if let Some((_, status)) =
                message.strip_prefix("end ").and_then(|rest| rest.split_once(' '))
            {
                output.status = status.trim().parse().ok();
            }
        }
    }
    found
}

/// How many clients have ended.
pub fn ended(console: &str) -> usize {
    console.lines().filter(|line| line.contains("capisim-client: end ")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_their_paths_and_shell_variables_stay() {
        let mut known = |name: &str| {
            if name == "a.b" { Ok("/usr/bin/a.b".to_owned()) } else { Err(format!("no {name}")) }
        };
        let cases = [
            ("{a.b} $disk ${disk}1 | {a.b}", Ok("/usr/bin/a.b $disk ${disk}1 | /usr/bin/a.b")),
            ("plain", Ok("plain")),
            ("{c}", Err("no c")),
            ("{a.b", Err("`{a.b`: no closing brace")),
        ];
        for (command, want) in cases {
            let got = place_programs(command, &mut known);
            assert_eq!(got.as_deref().map_err(|text| &**text), want, "{command}");
        }
    }

    #[test]
    fn outputs_are_found_between_the_kernel_s_words() {
        let console = "[    1.0] noise\r\n[    1.1] capisim-client: begin a\r\n[    1.2] capisim-client: |  indented\r\n\
                       [    1.2] sd 0:0:0:0: noise\r\n[    1.3] capisim-client: | \r\n[    1.4] capisim-client: end a 5\r\n\
                       [    1.5] capisim-client: begin b\r\n[    1.6] capisim-client: | cut";
        let found = outputs(console);
        let a = Output { status: Some(5), lines: vec![" indented".into(), String::new()] };
        let b = Output { status: None, lines: vec!["cut".into()] };
        assert_eq!(found, BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]));
        assert_eq!(ended(console), 1);
    }
}
