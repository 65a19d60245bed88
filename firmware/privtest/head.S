/*
 * Entry, interrupt vectors, the way into a snippet and back, OPAL calls.
 *
 * A check runs a snippet by probe(). Every snippet ends in an interrupt, sc
 * if nothing else happens; the handler keeps the registers and returns to C.
 * HSPRG0, HSPRG1 and SPRG2 belong to the handler.
 */
#include "regs.h"
	.machine power9

	/* rd = the 64-bit value of a symbol */
	.macro load rd, symbol
	lis	\rd, (\symbol)@highest
	ori	\rd, \rd, (\symbol)@higher
	rldicr	\rd, \rd, 32, 31
	oris	\rd, \rd, (\symbol)@high
	ori	\rd, \rd, (\symbol)@l
	.endm

	/* An instruction as it is in memory for a big-endian processor. */
	.macro big word
	.long	((\word) >> 24 & 0xff) | ((\word) >> 8 & 0xff00) | ((\word) << 8 & 0xff0000) | ((\word) << 24 & 0xff000000)
	.endm

	/* Goes on in little-endian mode from either. The first word is
	 * "b .+8" in one order and "tdi 0,0,0x48", a no-op, in the other.
	 * Uses r10, r11 and LR, SRR0 and SRR1. */
	.macro become_little_endian
	big	0x48000008
	b	.+0x24
	big	0x429f0005	/* bcl 20,31,.+4 */
	big	0x7d4802a6	/* mflr r10 */
	big	0x394a001c	/* addi r10,r10,28 */
	big	0x7d6000a6	/* mfmsr r11 */
	big	0x616b0001	/* ori r11,r11,MSR_LE */
	big	0x7d5a03a6	/* mtsrr0 r10 */
	big	0x7d7b03a6	/* mtsrr1 r11 */
	big	0x4c000024	/* rfid */
	.endm

	/* The same for an interrupt: keeps SRR0 and SRR1, and if it was taken in
	 * big-endian mode r9 is the MSR then; r10, r11, HSRR0 and LR are used. */
	.macro from_either_order
	big	0x48000008
	b	.+0x24
	big	0x7d2000a6	/* mfmsr r9 */
	big	0x429f0005	/* bcl 20,31,.+4 */
	big	0x7d4802a6	/* mflr r10 */
	big	0x394a0018	/* addi r10,r10,24 */
	big	0x612b0001	/* ori r11,r9,MSR_LE */
	big	0x7d5a4ba6	/* mthsrr0 r10 */
	big	0x7d7b4ba6	/* mthsrr1 r11 */
	big	0x4c000224	/* hrfid */
	.endm

	.section .head, "ax"
	.globl	_start
_start:
	become_little_endian
	b	entered

	.macro vector at, id
	.org	\at
	mtspr	SPR_HSPRG1, 13
	li	13, \id
	b	interrupt
	.endm
	.macro vectors base, mark
	.irp	v, 0x100, 0x200, 0x300, 0x380, 0x400, 0x480, 0x500, 0x600, 0x700, 0x800, 0x900, 0x980, 0xa00, 0xd00, 0xe00, 0xe20, 0xe40, 0xe60, 0xe80, 0xea0, 0xf00, 0xf20, 0xf40, 0xf60, 0xf80
	.if	\v == 0xd00
	.org	\base + 0xc00
	from_either_order
	vector	., 0xc00 + \mark
	.endif
	vector	\base + \v, \v + \mark
	.endr
	.endm
	/* System call vectored: one place of 32 bytes for each LEV. */
	.macro vectored at, mark
	.org	\at
	.set	level, 0
	.rept	128
	mtspr	SPR_HSPRG1, 13
	li	13, 0x3000 + level * 32 + \mark
	b	interrupt
	.balign	32
	.set	level, level + 1
	.endr
	.endm

	vectors	0, 0
	vectored 0x3000, 1
	vectors	0x4000, 1
	vectored 0x17000, 0

	/* r13 = vector, HSPRG1 = r13 of the snippet */
interrupt:
	mtspr	SPR_SPRG2, 12
	mr	12, 13
	mfspr	13, SPR_HSPRG0
	.irp	r, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	std	\r, 8 * \r(13)
	.endr
	std	12, S_ID(13)
	mfspr	12, SPR_SPRG2
	std	12, 8 * 12(13)
	mfspr	12, SPR_HSPRG1
	std	12, 8 * 13(13)
	.irp	r, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	std	\r, 8 * \r(13)
	.endr
	mfcr	3
	std	3, S_CR(13)
	mfxer	3
	std	3, S_XER(13)
	mflr	3
	std	3, S_LR(13)
	mfctr	3
	std	3, S_CTR(13)
	mfmsr	3
	std	3, S_MSR(13)
	mfspr	3, SPR_SRR0
	std	3, S_SRR0(13)
	mfspr	3, SPR_SRR1
	std	3, S_SRR1(13)
	mfspr	3, SPR_HSRR0
	std	3, S_HSRR0(13)
	mfspr	3, SPR_HSRR1
	std	3, S_HSRR1(13)
	mfspr	3, SPR_DAR
	std	3, S_DAR(13)
	mfspr	3, SPR_DSISR
	std	3, S_DSISR(13)
	mfspr	3, SPR_HEIR
	std	3, S_HEIR(13)
	load	3, back
	load	4, MSR_HOME
	mtspr	SPR_HSRR0, 3
	mtspr	SPR_HSRR1, 4
	hrfid

	/* void probe(u64 place, u64 msr, const u64 gpr3_to_10[8]) */
	.globl	probe
probe:
	mflr	0
	std	0, 16(1)
	mfcr	0
	std	0, 8(1)
	stdu	1, -256(1)
	.irp	r, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	std	\r, 8 * \r(1)
	.endr
	std	2, 32(1)
	std	13, 40(1)
	load	6, saved
	mtspr	SPR_HSPRG0, 6
	load	7, probe_stack
	std	1, 0(7)
	mtspr	SPR_HSRR0, 3
	mtspr	SPR_HSRR1, 4
	mr	11, 5
	.irp	r, 3, 4, 5, 6, 7, 8, 9, 10
	ld	\r, 8 * (\r - 3)(11)
	.endr
	li	0, 0
	mtctr	0
	mtlr	0
	mtcr	0
	hrfid

back:
	load	7, probe_stack
	ld	1, 0(7)
	.irp	r, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	ld	\r, 8 * \r(1)
	.endr
	ld	2, 32(1)
	ld	13, 40(1)
	addi	1, 1, 256
	ld	0, 8(1)
	mtcr	0
	ld	0, 16(1)
	mtlr	0
	blr

	/* s64 opal_call(u64 token, u64 a, u64 b, u64 c): r2 = base, r0 =
	 * token, big-endian real mode (OPAL ABI). */
	.globl	opal_call
opal_call:
	mflr	0
	std	0, 16(1)
	mfcr	0
	std	0, 8(1)
	std	2, 24(1)
	stdu	1, -128(1)
	mr	0, 3
	mr	3, 4
	mr	4, 5
	mr	5, 6
	load	12, opal_returned
	mtlr	12
	load	12, opal_entry
	ld	12, 0(12)
	mtspr	SPR_HSRR0, 12
	load	11, opal_base
	ld	2, 0(11)
	mfmsr	11
	rldicr	11, 11, 0, 62
	mtspr	SPR_HSRR1, 11
	hrfid
opal_returned:
	become_little_endian
	addi	1, 1, 128
	ld	2, 24(1)
	ld	0, 8(1)
	mtcr	0
	ld	0, 16(1)
	mtlr	0
	blr

	/* Moves the image to real address 0 if it runs elsewhere: skiboot
	 * starts it where QEMU put the file. r3 = device tree. */
entered:
	bcl	20, 31, .+4
here:
	mflr	4
	load	5, here
	subf	4, 5, 4
	rldicl	4, 4, 0, 4	/* the image is this far from its place */
	cmpdi	4, 0
	beq	in_place
	load	5, 0xc000000000000000
	load	6, _end
	subf	6, 5, 6
	srdi	6, 6, 3
	mtctr	6
1:	ld	7, 0(4)
	std	7, 0(5)
	dcbst	0, 5
	sync
	icbi	0, 5
	addi	4, 4, 8
	addi	5, 5, 8
	bdnz	1b
	sync
	isync
in_place:
	load	4, placed
	mtctr	4
	bctr
placed:
	load	2, .TOC.
	load	1, stack_top
	li	0, 0
	stdu	0, -64(1)
	load	4, MSR_HOME
	li	5, 2
	mtmsrd	5, 1
	load	12, begin
	mtctr	12
	bctrl
1:	b	1b

	.data
	.balign	128
	.globl	saved
saved:	.space	512
probe_stack: .quad 0
	.balign	128
	.space	32768
stack_top:
	.space	128
