/* Radix trees (Power ISA 3.0B, Book III 5.7.10): tables at fixed real
 * addresses, one tree per process id 0, 1 and 2. */
#include "privtest.h"

#define LINEAR 0xc000000000000000ul
#define PARTITIONS 0x800000ul /* 64 KiB */
#define PROCESSES 0x810000ul /* 64 KiB */
#define TABLES 0x900000ul
#define VALID (1ul << 63)
#define LEAF (1ul << 62)
/* 52 bits: RTS = 0b10101, its upper two bits at 1:2, the others at 56:58. */
#define RTS (2ul << 61 | 5ul << 5)
#define ROOT_BITS 13

static u64 next_table = TABLES;
static u64 roots[3];

static u64 *at(u64 real)
{
	return (u64 *)(LINEAR | real);
}

/* A new table of `bits` index bits, aligned to its size, 4 KiB at least. */
static u64 new_table(int bits)
{
	u64 bytes = 8ul << bits, align = bytes < 0x1000 ? 0x1000 : bytes;

	next_table = (next_table + align - 1) & ~(align - 1);
	u64 table = next_table;
	next_table += align;
	for (u64 i = 0; i < bytes / 8; i++)
		at(table)[i] = 0;
	return table;
}

u64 get_pte(u64 *pte)
{
	return __builtin_bswap64(*(volatile u64 *)pte);
}

void set_pte(u64 *pte, u64 value)
{
	*(volatile u64 *)pte = __builtin_bswap64(value);
	asm volatile("ptesync" : : : "memory");
}

/* Maps ea of a tree to ra by a leaf of 1 << shift bytes; its place. */
u64 *map(int tree, u64 ea, u64 ra, int shift, u64 bits)
{
	static const int level_shift[] = { 39, 30, 21 };
	u64 table = roots[tree];
	int width = ROOT_BITS;

	for (int level = 0; level < 3 && level_shift[level] > shift; level++) {
		u64 *entry = at(table) + (ea >> level_shift[level] & ((1ul << width) - 1));
		width = level < 2 ? 9 : 21 - shift;
		if (!get_pte(entry))
			set_pte(entry, VALID | new_table(width) | width);
		table = get_pte(entry) & 0x0ffffffffffffff00ul;
	}
	u64 *entry = at(table) + (ea >> shift & ((1ul << width) - 1));
	set_pte(entry, VALID | LEAF | ra | bits);
	return entry;
}

void tlb_flush(void)
{
	u64 gpr[8] = { 0, 3ul << 10 };

	probe((u64)s_tlbie_all, HOME, gpr);
}

void make_trees(void)
{
	u64 all = PTE_R | PTE_C | PTE_READ | PTE_WRITE | PTE_EXEC;

	for (u64 a = PARTITIONS; a < TABLES; a += 8)
		*at(a) = 0;
	for (int tree = 0; tree < 3; tree++) {
		roots[tree] = new_table(ROOT_BITS);
		set_pte(at(PROCESSES + 16 * tree), RTS | roots[tree] | ROOT_BITS);
	}
	set_pte(at(PARTITIONS), VALID | RTS | roots[0] | ROOT_BITS);
	set_pte(at(PARTITIONS + 8), VALID | PROCESSES | 4);
	mtspr(SPR_PTCR, PARTITIONS | 4);
	map(0, LINEAR, 0, 30, all | PTE_PRIV);
	for (int tree = 1; tree < 3; tree++)
		map(tree, USER_CODE, (u64)snippets & ~LINEAR, 16, all);
	tlb_flush();
}
