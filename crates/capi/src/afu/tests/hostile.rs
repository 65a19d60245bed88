//! Queues, tables and lengths as only a hostile guest gives them: the AFU answers or refuses, and ends.

use super::*;

const MEMORY_END: u64 = 1 << 21;

/// A response queue of one slot is overwritten by each response, and its toggle alternates.
#[test]
fn a_response_queue_of_one_slot() {
    let mut b = bench();
    b.store(reg(0, host::RRQ_START), RRQ);
    b.store(reg(0, host::RRQ_END), RRQ);
    let answers: Vec<u64> = (0..4)
        .map(|n| {
            let ea = submit_at(&mut b, 0, n, &rcb(0, 0, &[0]));
            b.pass(Ticks::millis(1));
            slot(&b, 0, 0) ^ ea
        })
        .collect();
    assert_eq!(answers, [1, 0, 1, 0]);
    assert_eq!(slot(&b, 0, 1), 0, "nothing behind its only slot");
}

/// Start, end, tail of a submission queue; IOARCBs that the AFU reads because of it.
#[test]
fn submission_queues_that_are_no_rings() {
    let rows: &[(&str, u64, u64, u64, usize)] = &[
        ("one slot: the tail is the head", RCB, RCB, RCB, 0),
        ("one slot, tail behind it", RCB, RCB, RCB + 64, 0),
        ("ends before it starts", RCB, RCB - 64, RCB - 64, 0),
        ("starts at the last bytes there are", u64::MAX - 63, u64::MAX - 63, u64::MAX - 63, 0),
        ("wraps around the address space", u64::MAX - 63, 64, 0, 0),
        ("outside memory", MEMORY_END, MEMORY_END + 128, MEMORY_END + 64, 0),
    ];
    for (what, start, end, tail, reads) in rows {
        let gt = AfuConfig { attention_after_reset: false, ..AfuConfig::flash_gt_plus() };
        let mut b = bench_with(gt);
        b.store(reg(0, host::SQ_START), *start);
        b.store(reg(0, host::SQ_END), *end);
        b.host.dma.clear();
        b.store(reg(0, host::SQ_TAIL), *tail);
        b.pass(Ticks::millis(10));
        let seen = b.host.dma.iter().filter(|(_, _, len, store)| *len == 64 && !store).count();
        assert_eq!(seen, *reads, "{what}");
        assert!(b.afu.open_commands() <= 1, "{what}");
    }
}

/// A command whose data_len is the greatest there is never moves 4 GiB: a transfer of blocks has to name their length and is
/// refused (0E/03), other commands move what they have.
#[test]
fn a_data_length_of_four_gibibytes() {
    let inquiry = vec![0x12, 0, 0, 0, 36];
    let rows: &[(u16, Vec<u8>, u32, usize)] = &[
        (0, read16(0, 8), 0x9000_0200, 0),
        (REQ_FLAGS_HOST_WRITE, write16(0, 8), 0x9000_0200, 0),
        (0, read16(0, u32::MAX), 0x8000_0200, 0),
        (0, inquiry.clone(), 0x1000_005A, 36),
        (REQ_FLAGS_SUP_UNDERRUN, inquiry, 0, 36),
    ];
    for (flags, cdb, want, most) in rows {
        let mut b = bench();
        let r = Ioarcb { data_len: u32::MAX, ..rcb(0, *flags, cdb) };
        b.host.dma.clear();
        let got = run(&mut b, 0, &r);
        let moved: usize =
            b.host.dma.iter().filter(|(_, ea, ..)| *ea >= DATA).map(|(_, _, len, _)| len).sum();
        assert_eq!((got, moved, b.afu.open_commands()), (*want, *most, 0), "{cdb:02x?}: {got:#x}");
    }
}

/// Where RHT and LXT lie, and how the command ends; nothing is read outside memory.
#[test]
fn tables_at_the_end_of_memory_and_tables_that_loop() {
    let rows: &[(&str, u64, u64, u32)] = &[
        ("the RHT entry is the first behind memory", MEMORY_END - 16, LXT, 0x4_0000),
        ("half of the RHT entry is in memory: unaligned", MEMORY_END - 24, LXT, 0x2_0000),
        ("the RHT entry is at address 0, behind the last one", u64::MAX - 15, LXT, 0x5_0000),
        ("half of the LXT entry is in memory: unaligned", RHT, MEMORY_END - 4, 0x12_0000),
        ("the LXT is the RHT: its entries lead back to themselves", RHT, RHT, 0x15_0000),
    ];
    for (what, table, list, want) in rows {
        let mut b = bench();
        b.store(block(1, ctrl::RHT_START), *table);
        rht_f0(&mut b, 1, *list, u32::MAX, 3);
        b.host.dma.clear();
        let mut r = rcb(1, REQ_FLAGS_RES_HNDL, &read16(0, 1));
        r.data_len = 4096;
        let status = run(&mut b, 1, &r);
        assert!(b.host.dma.len() < 8, "{what}: {:x?}", b.host.dma);
        assert!(b.host.dma.iter().all(|(_, ea, len, _)| ea + *len as u64 <= MEMORY_END), "{what}");
        assert_eq!((status, b.afu.open_commands()), (*want, 0), "{what}: {status:#x}");
    }
}
