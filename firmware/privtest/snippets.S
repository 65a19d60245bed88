/*
 * What the checks run. One page, mapped for problem state too. Each snippet
 * ends in sc unless something else ends it.
 */
#include "regs.h"
	.machine power9
	.section .snippets, "ax"
	.globl	snippets
	.type	snippets, @function
snippets:

	.macro snippet name
	.balign	32
	.globl	\name
\name:
	.endm
	.macro big word
	.long	((\word) >> 24 & 0xff) | ((\word) >> 8 & 0xff00) | ((\word) << 8 & 0xff0000) | ((\word) << 24 & 0xff000000)
	.endm

	snippet s_nothing
	sc
	snippet s_steps
	nop
	b	.+8
	nop
	nop
	sc
	snippet s_mfmsr
	mfmsr	3
	sc
	snippet s_mtmsr
	mtmsr	3
	mfmsr	3
	sc
	snippet s_mtmsr_l1
	mtmsr	3, 1
	mfmsr	3
	sc
	snippet s_mtmsrd
	mtmsrd	3
	mfmsr	3
	sc
	snippet s_mtmsrd_l1
	mtmsrd	3, 1
	mfmsr	3
	sc

	/* r3 = new MSR, r4 = place to go on */
	snippet s_rfid
	mtspr	SPR_SRR0, 4
	mtspr	SPR_SRR1, 3
	rfid
	snippet s_hrfid
	mtspr	SPR_HSRR0, 4
	mtspr	SPR_HSRR1, 3
	hrfid
	snippet s_rfscv
	mtlr	4
	mtctr	3
	rfscv

	snippet s_sc1
	sc	1
	snippet s_scv0
	scv	0
	snippet s_scv5
	scv	5
	snippet s_scv127
	scv	127
	snippet s_trap
	trap
	snippet s_tdi
	li	5, 7
	tdi	4, 5, 7
	sc

	snippet s_fadd
	fadd	1, 1, 1
	sc
	snippet s_lfd
	lfd	1, 0(4)
	sc
	snippet s_mffs
	mffs	1
	sc
	snippet s_vadd
	vaddubm	1, 1, 1
	sc
	snippet s_lvx
	lvx	1, 0, 4
	sc
	snippet s_xxlor
	xxlor	1, 1, 1
	sc
	snippet s_lxvd2x
	lxvd2x	1, 0, 4
	sc
	snippet s_mfvsrd
	mfvsrd	3, 1
	sc
	snippet s_mfvsrd_vr
	mfvsrd	3, 33
	sc
	snippet s_lxv
	lxv	1, 0(4)
	sc
	snippet s_lxv_vr
	lxv	33, 0(4)
	sc
	snippet s_lxsd
	lxsd	1, 0(4)
	sc

	/* 1.0 / 0.0 with FPSCR[ZE] = 1; r4 = address of 1.0 */
	snippet s_divide
	mtfsb1	27
	lfd	1, 0(4)
	fsub	2, 1, 1
	fdiv	3, 1, 2
	nop
	sc
	/* ZX is set already: enabling it raises the exception. */
	snippet s_enable
	mtfsb0	27
	mtfsb1	27
	nop
	sc
	snippet s_clear
	mtfsfi	0, 0
	mtfsfi	1, 0
	mtfsfi	2, 0
	mtfsfi	3, 0
	mtfsfi	4, 0
	mtfsfi	5, 0
	mtfsfi	6, 0
	mtfsfi	7, 0
	sc

	snippet s_ld
	ld	3, 0(4)
	sc
	snippet s_lwz
	lwz	3, 0(4)
	sc
	snippet s_lbz
	lbz	3, 0(4)
	sc
	snippet s_std
	std	3, 0(4)
	sc
	snippet s_stw_ld
	stw	3, 0(4)
	ld	3, 0(4)
	sc
	snippet s_std_ld
	std	3, 0(4)
	ld	3, 0(4)
	sc
	snippet s_ld_std
	ld	5, 0(4)
	std	3, 0(4)
	sc
	snippet s_dcbz
	dcbz	0, 4
	ld	3, 0(4)
	sc
	snippet s_jump
	mtctr	4
	bctr

	snippet s_lwarx
	lwarx	3, 0, 4
	sc
	snippet s_ldarx
	ldarx	3, 0, 4
	sc
	snippet s_lharx
	lharx	3, 0, 4
	sc
	snippet s_lqarx
	lqarx	6, 0, 4
	mr	3, 7
	sc
	snippet s_stwcx
	stwcx.	3, 0, 4
	mfcr	3
	sc
	snippet s_stdcx
	stdcx.	3, 0, 4
	mfcr	3
	sc
	snippet s_stqcx
	stqcx.	6, 0, 4
	mfcr	3
	sc
	snippet s_ldarx_stdcx
	ldarx	5, 0, 4
	stdcx.	3, 0, 4
	mfcr	3
	sc
	snippet s_lmw
	.long	0xbbc40000	/* lmw 30,0(4) */
	mr	3, 31
	sc
	snippet s_lq
	lq	6, 0(4)
	mr	3, 7
	sc

	/* Waits for an interrupt for ever. */
	snippet s_spin
	b	.
	/* Waits r3 time base ticks, then sc. */
	snippet s_wait
	mftb	5
	add	5, 5, 3
1:	mftb	6
	cmpld	6, 5
	blt	1b
	sc
	snippet s_mtdec_spin
	mtspr	SPR_DEC, 3
	b	.
	snippet s_mtdec_mfdec
	mtspr	SPR_DEC, 3
	mfspr	3, SPR_DEC
	sc
	snippet s_mtdec_stop
	mtspr	SPR_DEC, 3
	stop
	li	3, 1
	sc
	snippet s_stop
	stop
	li	3, 1
	sc
	snippet s_msgsnd
	msgsnd	3
	msgsync
	sc
	snippet s_msgsnd_spin
	msgsnd	3
	b	.
	snippet s_msgclr
	msgclr	3
	sc
	snippet s_ee_on
	mtmsrd	3, 1
	nop
	nop
	sc
	snippet s_doorbell_p
	msgsndp	3
	msgclrp	3
	sc
	snippet s_timebase
	.long	0x7c6c42e6	/* mftb 3,268; the assembler writes mfspr */
	mfspr	4, SPR_TB
	mfspr	5, 269
	srdi	6, 4, 32
	subf	6, 5, 6
	subf	4, 3, 4
	li	3, 0
	cmpdi	4, 0
	blt	1f
	cmpldi	6, 1
	bgt	1f
	li	3, 1
1:	sc
	snippet s_mftbu
	.long	0x7c6d42e6	/* mftb 3,269 */
	mfspr	4, 269
	subf	3, 3, 4
	sc

	snippet s_slb
	slbia	7
	slbia	3
	slbie	3
	slbieg	3, 3
	slbsync
	tlbsync
	li	3, 1
	sc
	snippet s_slbmfee
	slbmfee	3, 4
	sc
	snippet s_slbmfev
	slbmfev	3, 4
	sc
	snippet s_slbmte
	slbmte	3, 4
	sc

	/* r3 = RS, r4 = RB; process-scoped radix forms */
	snippet s_tlbie
	ptesync
	tlbie	4, 3, 0, 1, 1
	eieio
	tlbsync
	ptesync
	sc
	snippet s_tlbie_all
	ptesync
	tlbie	4, 3, 2, 1, 1
	eieio
	tlbsync
	ptesync
	sc
	snippet s_tlbiel
	ptesync
	tlbiel	4, 3, 0, 1, 1
	ptesync
	sc
	snippet s_tlbiel_all
	ptesync
	tlbiel	4, 3, 2, 1, 1
	ptesync
	sc

	/* All sets of a process, as the 128 congruence classes of POWER9. */
	snippet s_tlbiel_sets
	ptesync
	li	6, 128
	mtctr	6
1:	tlbiel	4, 3, 0, 1, 1
	addi	4, 4, 0x1000
	bdnz	1b
	ptesync
	sc
	snippet s_tlbiel_walk
	ptesync
	tlbiel	4, 3, 1, 1, 1
	ptesync
	sc
	snippet s_tlbie_walk
	ptesync
	tlbie	4, 3, 1, 1, 1
	eieio
	tlbsync
	ptesync
	sc
	snippet s_tlbiel_partition
	ptesync
	tlbiel	4, 3, 2, 0, 1
	ptesync
	sc
	snippet s_tlbie_partition
	ptesync
	tlbie	4, 3, 2, 0, 1
	eieio
	tlbsync
	ptesync
	sc

	/* Big-endian: ld r3,0(r4); lwz r5,0(r4); std r3,8(r4); mfmsr r6; sc */
	snippet s_big
	big	0xe8640000
	big	0x80a40000
	big	0xf8640008
	big	0x44000002
	snippet s_big_sc
	big	0x44000002
	snippet s_big_user
	big	0xe8640000
	big	0x7cc000a6
	big	0x44000002

	.balign	1024
	.globl	buffer
	.type	buffer, @function
buffer:	.space	1024
