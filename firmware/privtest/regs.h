/* Special-purpose register numbers and offsets shared by C and assembler. */
#define SPR_DSISR 18
#define SPR_DAR 19
#define SPR_DEC 22
#define SPR_SRR0 26
#define SPR_SRR1 27
#define SPR_AMR 29
#define SPR_PIDR 48
#define SPR_IAMR 61
#define SPR_FSCR 153
#define SPR_TB 268
#define SPR_SPRG2 274
#define SPR_HSPRG0 304
#define SPR_HSPRG1 305
#define SPR_HSRR0 314
#define SPR_HSRR1 315
#define SPR_LPCR 318
#define SPR_LPIDR 319
#define SPR_HMER 336
#define SPR_HEIR 339
#define SPR_AMOR 349
#define SPR_PTCR 464
#define SPR_PSSCR 855
#define SPR_HID0 1008
#define SPR_PIR 1023

/* struct saved of privtest.h */
#define S_ID 256
#define S_CR 264
#define S_XER 272
#define S_LR 280
#define S_CTR 288
#define S_MSR 296
#define S_SRR0 304
#define S_SRR1 312
#define S_HSRR0 320
#define S_HSRR1 328
#define S_DAR 336
#define S_DSISR 344
#define S_HEIR 352

/* Machine state between checks: 64-bit, hypervisor, machine checks, RI, LE. */
#define MSR_HOME 0x9000000000001003
