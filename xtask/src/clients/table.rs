//! The clients: one row each. The command, the tests, the page `docs/clients.md` read this table; there is no second list.
//!
//! A command line is shell text. `$variant` is the variant of our adapter (empty at QEMU), `{name}` stands for the program of that name from the distribution's packages, `$disk` for
//! the first disk (`/dev/sda`), `$sg` for its generic device. What a command prints, with its exit status, is compared with what the
//! same command prints on QEMU's disk.

use super::alone::{CORRUPTION, CORRUPTIONS, SUPERPIPE};

/// A line of output that may differ, and why.
#[derive(Clone, Copy, Debug)]
pub struct Except {
    /// Lines that contain this text are left out of the comparison.
    pub text: &'static str,
    /// Why the two disks may differ there.
    pub why: &'static str,
}

/// One client.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Its name in results.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// The command line.
    pub command: &'static str,
    /// Exit status that it must have, on both disks unless `peer_status` is given.
    pub status: u8,
    /// Exit status that it must have on the other disk, and why it is another one.
    pub peer_status: Option<(u8, &'static str)>,
    /// What may differ.
    pub except: &'static [Except],
    /// Texts that lines of the output must have, where there is nothing to compare with.
    pub says: &'static [&'static str],
    /// Whether `cargo xtask test` runs it.
    pub quick: bool,
}

/// Clients that run one after the other in one boot of the guest.
#[derive(Clone, Copy, Debug)]
pub struct Boot {
    /// Its name in messages and file names.
    pub name: &'static str,
    /// The clients in their order.
    pub clients: &'static [Client],
    /// The disk it is compared with.
    pub peer: PeerDisk,
    /// Bytes of a logical block on both disks.
    pub block: u64,
    /// The boot whose disk this one finds as it was when that guest ended, without unmounting or flushing anything.
    pub after: Option<&'static str>,
    /// Our units, as a scenario lists them, in the place of the one disk.
    pub units: Option<&'static str>,
    /// Faults: (the client at whose begin it begins, `inject` of a scenario).
    pub faults: &'static [(&'static str, &'static str)],
    /// The power of our drive fails a while after the last client has ended, and the machine ends with it.
    pub loses_power: bool,
    /// Oracles that have to be violated: what the faults do must be seen, and nothing else may be.
    pub violates: &'static [&'static str],
}

impl Boot {
    const fn new(name: &'static str, clients: &'static [Client]) -> Boot {
        let (peer, after, units) = (PeerDisk::Qemu, None, None);
        Boot {
            name,
            clients,
            peer,
            block: 4096,
            after,
            units,
            faults: &[],
            loses_power: false,
            violates: &[],
        }
    }
}

/// A disk of somebody else's making.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerDisk {
    /// QEMU's `scsi-hd` behind virtio-scsi.
    Qemu,
    /// The SCSI target of the Linux kernel (`target_core_mod`), looped back in QEMU's guest: it has what `scsi-hd` lacks.
    KernelTarget,
    /// None has what these clients use: they judge themselves, by exit status and by what they have to say.
    Nobody,
}

/// Bytes of the disk, here and at QEMU's.
pub const DISK_BYTES: u64 = 256 << 20;
/// Seconds of the guest's time after which a client is killed.
pub const LIMIT_SECONDS: u32 = 300;

pub(super) const fn client(name: &'static str, about: &'static str, command: &'static str) -> Client {
    Client { name, about, command, status: 0, peer_status: None, except: &[], says: &[], quick: false }
}

impl Client {
    pub(super) const fn quick(self) -> Client {
        Client { quick: true, ..self }
    }
    pub(super) const fn status(self, status: u8) -> Client {
        Client { status, ..self }
    }
    const fn peer_status(self, status: u8, why: &'static str) -> Client {
        Client { peer_status: Some((status, why)), ..self }
    }
    pub(super) const fn says(self, says: &'static [&'static str]) -> Client {
        Client { says, ..self }
    }
    const fn except(self, except: &'static [Except]) -> Client {
        Client { except, ..self }
    }
}

const fn except(text: &'static str, why: &'static str) -> Except {
    Except { text, why }
}

/// Who made the disk.
const IDENTITY: &[Except] = &[
    except("Vendor identification:", "identity"),
    except("Product identification:", "identity"),
    except("Product revision level:", "identity"),
    except("Unit serial number:", "identity"),
    except("NormACA=", "a target of Fibre Channel has ACA; QEMU sets HISUP instead"),
    except("Sync=", "QEMU sets this bit of parallel SCSI, obsolete since SPC-4"),
];
const DESIGNATORS: &[Except] = &[
    except("designator type:", "QEMU names its disk by a text, we by an NAA name"),
    except("      0x", "identity"),
    except("vendor specific:", "identity"),
];
const NAMED: &[Except] = &[except("peripheral_type:", "vendor, product and revision")];
const READS_ZEROS: &str = "unmapped blocks of ours read as zeros and it says so; QEMU's promises nothing";

/// The driver's, not the disk's: `process_cmd_err()` adds DID_ERROR to each status that has no sense data.
const STATUS_IS_ERROR: &str =
    "the stock driver adds DID_ERROR to a status without sense; sg_persist takes it for a transport error";
const WRONG_TYPE: &str =
    "SPC-4 5.13.11 wants 05/26/04, INVALID RELEASE; the kernel's target says RESERVATION CONFLICT";

/// All boots.
pub const BOOTS: &[Boot] = &[
    Boot::new("scsi", SCSI),
    Boot { block: 512, ..Boot::new("scsi-512", SCSI_512) },
    Boot { peer: PeerDisk::KernelTarget, ..Boot::new("reservations", RESERVATIONS) },
    Boot::new("fio", FIO),
    Boot {
        peer: PeerDisk::Nobody,
        faults: CORRUPTIONS,
        violates: &["acknowledged-data"],
        ..Boot::new("corruption", CORRUPTION)
    },
    Boot { loses_power: true, ..Boot::new("files", FILES) },
    Boot { after: Some("files"), ..Boot::new("files-after-power-loss", FILES_AFTER) },
    Boot {
        peer: PeerDisk::Nobody,
        units: Some("{ size = \"8GiB\" }, { size = \"512MiB\", block = 512 }"),
        ..Boot::new("superpipe", SUPERPIPE)
    },
];

/// SCSI commands and partitions.
const SCSI: &[Client] = &[
    client("sg_inq", "standard INQUIRY", "{sg_inq} $sg").except(IDENTITY).quick(),
    client("sg_inq-vpd", "the list of VPD pages", "{sg_inq} --page=0 $sg"),
    client("sg_vpd-sn", "VPD page 80h, unit serial number", "{sg_vpd} --page=sn $sg").except(IDENTITY),
    client("sg_vpd-di", "VPD page 83h, device identification", "{sg_vpd} --page=di $sg").except(DESIGNATORS),
    client("sg_vpd-bl", "VPD page B0h, block limits", "{sg_vpd} --page=bl $sg").except(&[
        except("Maximum unmap block descriptor count:", "QEMU takes 255"),
        except("Maximum write same length:", "QEMU derives it from its largest transfer"),
    ]),
    client("sg_vpd-bdc", "VPD page B1h, block device characteristics", "{sg_vpd} --page=bdc $sg"),
    client("sg_vpd-lbpv", "VPD page B2h, logical block provisioning", "{sg_vpd} --page=lbpv $sg")
        .except(&[except("read zeros (LBPRZ)", READS_ZEROS)]),
    client("sg_vpd-none", "a VPD page that no disk has", "{sg_vpd} --page=0x5a $sg").status(83),
    client("sg_readcap-10", "READ CAPACITY(10)", "{sg_readcap} $sg"),
    client("sg_readcap-16", "READ CAPACITY(16)", "{sg_readcap} --long $sg")
        .except(&[except("lbprz=", READS_ZEROS)])
        .quick(),
    client("sg_luns", "REPORT LUNS", "{sg_luns} $sg"),
    client("sg_turs", "TEST UNIT READY", "{sg_turs} --number=16 $sg").quick(),
    client("sg_requests", "REQUEST SENSE", "{sg_requests} $sg"),
    client("sg_modes", "MODE SENSE(10), caching page", "{sg_modes} --dbd --page=8 $sg").except(NAMED),
    client("sg_modes-6", "MODE SENSE(6), caching page", "{sg_modes} --six --dbd --page=8 $sg").except(NAMED),
    client("sg_sync", "SYNCHRONIZE CACHE(10)", "{sg_sync} $sg"),
    client(
        "sg_verify",
        "VERIFY(10) and (16)",
        "{sg_verify} --lba=0 --count=64 $sg && {sg_verify} --16 --lba=64 --count=64 $sg",
    ),
    client("sg_start", "START STOP UNIT", "{sg_start} --start $sg"),
    client(
        "sg_dd",
        "READ and WRITE(10) through the generic device",
        "dd if=/dev/urandom of=/tmp/in bs=4096 count=64 2>/dev/null
{sg_dd} if=/tmp/in of=$sg bs=4096 seek=100 count=64 bpt=16 2>&1
{sg_dd} if=$sg of=/tmp/out bs=4096 skip=100 count=64 bpt=7 cdbsz=16 2>&1
cmp /tmp/in /tmp/out && echo same",
    )
    .quick(),
    client(
        "sg_write_same-10",
        "WRITE SAME(10) with a pattern",
        "yes pattern | head -c 4096 >/tmp/in
{sg_write_same} --10 --in=/tmp/in --lba=200 --num=32 --xferlen=4096 $sg || exit
dd if=$disk bs=4096 skip=199 count=34 iflag=direct 2>/dev/null | sha256sum",
    ),
    client(
        "sg_write_same-16",
        "WRITE SAME(16) with a pattern",
        "yes other | head -c 4096 >/tmp/in
{sg_write_same} --16 --in=/tmp/in --lba=300 --num=32 --xferlen=4096 $sg || exit
dd if=$disk bs=4096 skip=299 count=34 iflag=direct 2>/dev/null | sha256sum",
    ),
    client(
        "sg_write_same-unmap",
        "WRITE SAME(16) with UNMAP",
        "{sg_write_same} --16 --unmap --lba=308 --num=16 --xferlen=4096 $sg || exit
dd if=$disk bs=4096 skip=299 count=34 iflag=direct 2>/dev/null | sha256sum",
    ),
    client(
        "sg_unmap",
        "UNMAP; the blocks read as zeros",
        "{sg_unmap} --lba=204 --num=8 --force $sg || exit
dd if=$disk bs=4096 skip=199 count=34 iflag=direct 2>/dev/null | sha256sum",
    )
    .quick(),
    client(
        "sg_read-end",
        "READ beyond the last block",
        "{sg_dd} if=$sg of=/dev/null bs=4096 skip=65536 count=1 2>&1",
    )
    .status(22),
    client(
        "sg_reset-device",
        "LOGICAL UNIT RESET, then the attention, then good",
        "{sg_reset} --device $sg
{sg_turs} $sg >/dev/null 2>&1
{sg_turs} --number=4 $sg",
    ),
    client(
        "lsblk",
        "what the kernel knows of the disk",
        "{lsblk} --bytes --nodeps --output NAME,SIZE,TYPE,PHY-SEC,LOG-SEC,ROTA,RO,RM $disk",
    )
    .quick(),
    client("lsblk-discard", "the limits of discard", "{lsblk} --bytes --nodeps --discard $disk"),
    client(
        "blockdev",
        "sizes and a flush",
        "{blockdev} --getsize64 --getss --getpbsz --getro --flushbufs $disk",
    ),
    client(
        "parted",
        "a GPT with two partitions",
        "{parted} --script $disk mklabel gpt mkpart one 1MiB 100MiB mkpart two 100MiB 200MiB
{parted} --script $disk unit s print
{lsblk} --bytes --output NAME,SIZE,TYPE $disk",
    )
    .except(&[except("Model:", "vendor and product")]),
    client(
        "partx",
        "the same partitions, read from the disk",
        "{partx} --show --output NR,START,END,SECTORS,NAME $disk",
    ),
    client(
        "sfdisk",
        "another table over it",
        "printf 'label: dos\\nlabel-id: 0x12345678\\n,64MiB\\n,\\n' | {sfdisk} --quiet $disk
{sfdisk} --dump $disk",
    ),
    client(
        "mkswap",
        "a swap area, found by blkid, used, erased by wipefs",
        "{mkswap} --uuid 01234567-89ab-cdef-0123-456789abcdef ${disk}1
{blkid} --probe ${disk}1
{swapon} ${disk}1 && {swapon} --show=NAME,TYPE,SIZE --bytes && {swapoff} ${disk}1
{wipefs} --all ${disk}1",
    ),
    client("wipefs", "every signature goes", "{wipefs} --all $disk && {blkid} --probe $disk").status(2),
    client(
        "blkdiscard",
        "discard of a part; zeros are read",
        "yes full | dd of=$disk bs=1M count=4 iflag=fullblock conv=fsync 2>/dev/null
{blkdiscard} --offset 1MiB --length 1MiB --verbose $disk
dd if=$disk bs=1M count=4 iflag=direct 2>/dev/null | sha256sum",
    )
    .quick(),
    client(
        "blkdiscard-zeroout",
        "zeros written to the rest",
        "{blkdiscard} --zeroout --offset 0 --length 4MiB --verbose $disk
dd if=$disk bs=1M count=4 iflag=direct 2>/dev/null | sha256sum",
    ),
];

/// The same disk in blocks of 512 bytes.
const SCSI_512: &[Client] = &[
    client("sg_readcap-10-512", "READ CAPACITY(10)", "{sg_readcap} $sg"),
    client("sg_readcap-16-512", "READ CAPACITY(16)", "{sg_readcap} --long $sg")
        .except(&[except("lbprz=", READS_ZEROS)]),
    client("sg_dd-512", "READ and WRITE of any number of blocks", "dd if=/dev/urandom of=/tmp/in bs=512 count=333 2>/dev/null
{sg_dd} if=/tmp/in of=$sg bs=512 seek=1001 count=333 bpt=13 2>&1
{sg_dd} if=$sg of=/tmp/out bs=512 skip=1001 count=333 bpt=64 cdbsz=16 2>&1
cmp /tmp/in /tmp/out && echo same"),
    client("sg_write_same-512", "WRITE SAME(10) with a pattern", "yes pattern | head -c 512 >/tmp/in
{sg_write_same} --10 --in=/tmp/in --lba=2001 --num=99 --xferlen=512 $sg || exit
dd if=$disk bs=512 skip=2000 count=101 iflag=direct 2>/dev/null | sha256sum"),
    client("sg_unmap-512", "UNMAP; the blocks read as zeros", "{sg_unmap} --lba=2008 --num=16 --force $sg || exit
dd if=$disk bs=512 skip=2000 count=101 iflag=direct 2>/dev/null | sha256sum"),
    client("lsblk-512", "what the kernel knows of the disk", "{lsblk} --bytes --nodeps --output NAME,SIZE,PHY-SEC,LOG-SEC $disk"),
    client("parted-512", "a GPT in blocks of 512 bytes", "{parted} --script $disk mklabel gpt mkpart one 1MiB 100MiB
{parted} --script $disk unit s print").except(&[except("Model:", "vendor and product")]),
    client("fio-512", "crc32c of blocks of 512 bytes to 8 KiB, random, queue depth 32", "{fio} --name=t --filename=$disk --direct=1 \
--ioengine=libaio --size=512k --bsrange=512-8k --randseed=7 --verify=crc32c --verify_fatal=1 --rw=randwrite --iodepth=32 >/tmp/fio.log 2>&1
status=$?; [ $status = 0 ] || cat /tmp/fio.log
grep -o 'err= *[0-9]*' /tmp/fio.log; exit $status"),
];

/// PERSISTENT RESERVE IN and OUT, and a conflict. Each builds upon the one before.
const RESERVATIONS: &[Client] = &[
    client("sg_persist-keys", "READ KEYS: there are none", "{sg_persist} --in --no-inquiry --read-keys $sg"),
    client(
        "sg_persist-register",
        "REGISTER, then READ KEYS",
        "{sg_persist} --out --no-inquiry --register --param-sark=0x1234 $sg && {sg_persist} --in --no-inquiry --read-keys $sg",
    ),
    client(
        "sg_persist-reserve",
        "RESERVE for exclusive access, then READ RESERVATION",
        "{sg_persist} --out --no-inquiry --reserve --param-rk=0x1234 --prout-type=3 $sg &&
{sg_persist} --in --no-inquiry --read-reservation $sg",
    ),
    client("sg_persist-status", "READ FULL STATUS", "{sg_persist} --in --no-inquiry --read-full-status $sg")
        .except(&[
            except("World Wide Name", "transport: Fibre Channel here, SAS there"),
            except("SAS address", "transport: Fibre Channel here, SAS there"),
            except("      50 05 07", "name of the initiator port"),
            except("      00 00 00", "the driver gives ports of FlashGT no name"),
        ]),
    client("sg_persist-holder", "the holder reads and writes", "{sg_dd} if=$sg of=$sg bs=4096 count=1 2>&1"),
    client(
        "sg_persist-wrong-key",
        "RELEASE with another key: RESERVATION CONFLICT",
        "{sg_persist} --out --no-inquiry --release --param-rk=0x9999 --prout-type=3 $sg; status=$?
{sg_persist} --in --no-inquiry --read-reservation $sg; exit $status",
    )
    .peer_status(24, STATUS_IS_ERROR)
    .except(&[
        except("Host_status=0x07", STATUS_IS_ERROR),
        except("Driver_status=0x00", STATUS_IS_ERROR),
        except("onflict", STATUS_IS_ERROR),
    ]),
    client(
        "sg_persist-wrong-type",
        "RELEASE with another type",
        "{sg_persist} --out --no-inquiry --release --param-rk=0x1234 --prout-type=1 $sg; status=$?
{sg_persist} --in --no-inquiry --read-reservation $sg; exit $status",
    )
    .status(5)
    .peer_status(24, WRONG_TYPE)
    .except(&[except("PR out (Release)", WRONG_TYPE), except("sg_persist failed:", WRONG_TYPE)]),
    client(
        "sg_persist-release",
        "RELEASE, then READ RESERVATION",
        "{sg_persist} --out --no-inquiry --release --param-rk=0x1234 --prout-type=3 $sg &&
{sg_persist} --in --no-inquiry --read-reservation $sg",
    ),
    client(
        "sg_persist-ignore",
        "REGISTER AND IGNORE EXISTING KEY, then READ KEYS",
        "{sg_persist} --out --no-inquiry --register-ignore --param-sark=0x5678 $sg &&
{sg_persist} --in --no-inquiry --read-keys $sg",
    ),
    client(
        "sg_persist-preempt",
        "RESERVE and PREEMPT of the own key, then READ RESERVATION",
        "{sg_persist} --out --no-inquiry --reserve --param-rk=0x5678 --prout-type=5 $sg
{sg_persist} --out --no-inquiry --preempt --param-rk=0x5678 --param-sark=0x5678 --prout-type=6 $sg
{sg_persist} --in --no-inquiry --read-reservation $sg",
    ),
    client(
        "sg_persist-clear",
        "CLEAR: no key, no reservation",
        "{sg_persist} --out --no-inquiry --clear --param-rk=0x5678 $sg &&
{sg_persist} --in --no-inquiry --read-keys $sg && {sg_persist} --in --no-inquiry --read-reservation $sg",
    ),
    client(
        "sg_persist-capabilities",
        "REPORT CAPABILITIES",
        "{sg_persist} --in --no-inquiry --report-capabilities $sg",
    )
    .except(&[
        except("(CRH)", "RESERVE(6) of ours conflicts with a registration, as SPC-2 has it"),
        except("(SIP_C)", "optional: ours registers the port that asks, no other"),
        except("(ATP_C)", "optional: ours registers the port that asks, no other"),
        except("(PTPL_C)", "optional: reservations of ours do not outlive the power"),
        except("Allow Commands:", "which commands pass is not told by ours"),
    ]),
];

/// Block I/O whose every block fio reads back and checks. A row is small: what counts is each depth of the queue.
macro_rules! fio {
    ($rw:literal, $depth:literal) => {
        client(
            concat!("fio-", $rw, "-", $depth),
            concat!("crc32c of every block, ", $rw, ", queue depth ", $depth),
            concat!(
                "{fio} --name=t --filename=$disk --direct=1 --ioengine=libaio --size=2M --bs=4k --randseed=7 --verify=crc32c",
                " --verify_fatal=1 --rw=", $rw, " --iodepth=", $depth, " >/tmp/fio.log 2>&1\n",
                "status=$?; [ $status = 0 ] || cat /tmp/fio.log\n",
                "grep -o 'err= *[0-9]*' /tmp/fio.log; grep -o 'issued rwts.*' /tmp/fio.log; exit $status"
            ),
        )
    };
}

/// fio.
const FIO: &[Client] = &[
    fio!("write", 1).quick(),
    fio!("write", 4),
    fio!("write", 16),
    fio!("write", 32),
    fio!("write", 64),
    fio!("randwrite", 1),
    fio!("randwrite", 4),
    fio!("randwrite", 16),
    fio!("randwrite", 32).quick(),
    fio!("randwrite", 64),
    fio!("randrw", 16),
    fio!("randrw", 64),
];

/// ext4, until the power goes.
const FILES: &[Client] = &[
    client(
        "mkfs.ext4",
        "a file system",
        "{mkfs.ext4} -F -U 01234567-89ab-cdef-0123-456789abcdef -E hash_seed=01234567-89ab-cdef-0123-456789abcdef $disk",
    ),
    client(
        "mount",
        "mounted",
        "{mount} -t ext4 $disk /mnt && {findmnt} --noheadings --output SOURCE,TARGET,FSTYPE /mnt",
    ),
    client(
        "files",
        "files written, forgotten, read",
        "mkdir /mnt/many
for i in $(seq 100); do seq $i 1000 >/mnt/many/$i; done
seq 1 300000 | dd of=/mnt/large bs=64k conv=fsync 2>/dev/null
sync; echo 3 >/proc/sys/vm/drop_caches
cat /mnt/many/* | sha256sum; sha256sum /mnt/large",
    ),
    client("fstrim", "what is free is discarded", "rm -r /mnt/many; sync; {fstrim} --verbose /mnt"),
    client(
        "umount",
        "unmounted; e2fsck finds nothing",
        "{umount} /mnt && {e2fsck} -f -n $disk >/tmp/log; status=$?
sed 's/ (.*contiguous)//' /tmp/log; exit $status",
    ),
    client(
        "power-loss",
        "files kept by fsync, others written all the time; then the power goes",
        "{mount} -t ext4 $disk /mnt || exit
mkdir /mnt/kept /mnt/lost; for i in $(seq 20); do seq $i 500 | dd of=/mnt/kept/$i conv=fsync 2>/dev/null; done
rm /mnt/large
seq 1 100000 >/mnt/lost/large
for w in 1 2; do
(while :; do for i in $(seq 10); do seq $i 3000 >/mnt/lost/$w.$i; done; dd if=/mnt/lost/large of=/mnt/lost/$w bs=64k conv=fsync; done) >/dev/null 2>&1 &
done
cat /mnt/kept/* | sha256sum",
    ),
];

/// ext4, after the power came back.
const FILES_AFTER: &[Client] = &[
    client(
        "journal",
        "the journal has to be replayed",
        "{dumpe2fs} -h $disk 2>/dev/null | grep -o needs_recovery",
    ),
    client(
        "e2fsck",
        "the journal is replayed, nothing else is wrong",
        "{e2fsck} -p $disk >/tmp/log; status=$?
grep -o 'recovering journal' /tmp/log; [ $status -le 1 ] || cat /tmp/log
{e2fsck} -f -n $disk >/tmp/log; status=$?
[ $status = 0 ] || cat /tmp/log; exit $status",
    ),
    client(
        "kept",
        "what was kept by fsync is there",
        "{mount} -t ext4 $disk /mnt || exit
ls /mnt/kept | wc -l; cat /mnt/kept/* | sha256sum; {umount} /mnt",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn rows_can_be_told_apart_and_boots_follow_boots_that_exist() {
        let mut names = BTreeSet::new();
        for (n, boot) in BOOTS.iter().enumerate() {
            assert!(
                boot.after.is_none_or(|name| BOOTS[..n].iter().any(|one| one.name == name)),
                "{}",
                boot.name
            );
            for (name, _) in boot.faults {
                assert!(boot.clients.iter().any(|client| client.name == *name), "{name}");
            }
            for client in boot.clients {
                assert!(names.insert(client.name), "{} is there twice", client.name);
                let plain =
                    client.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
                assert!(plain, "{} cannot name a file", client.name);
                assert!(client.except.iter().all(|except| !except.why.is_empty()), "{}", client.name);
                assert_eq!(
                    boot.peer == PeerDisk::Nobody,
                    !client.says.is_empty(),
                    "{}: says what there is nothing to compare with",
                    client.name
                );
            }
        }
        assert!(BOOTS.iter().any(|boot| boot.clients.iter().any(|client| client.quick)));
    }
}
