//! Fixed-point arithmetic, logic, compare, rotate, shift, trap, select.

/// Rows of the group `Fixed`.
#[macro_export]
#[rustfmt::skip]
macro_rules! rows_fixed {
    ($cb:ident) => { $cb! { Fixed;
        // Arithmetic.
        addi        "001110 ttttt aaaaa iiiiiiiiiiiiiiii"      "addi RT,RA|0,SI"                  "I 3.3.9";
        addis       "001111 ttttt aaaaa iiiiiiiiiiiiiiii"      "addis RT,RA|0,SI"                 "I 3.3.9";
        addpcis     "010011 ttttt ddddd dddddddddd 00010 d"    "addpcis RT,DX"                    "I 3.3.9";
        addic       "001100 ttttt aaaaa iiiiiiiiiiiiiiii"      "addic RT,RA,SI"                   "I 3.3.9";
        addic_dot   "001101 ttttt aaaaa iiiiiiiiiiiiiiii"      "addic. RT,RA,SI"                  "I 3.3.9";
        subfic      "001000 ttttt aaaaa iiiiiiiiiiiiiiii"      "subfic RT,RA,SI"                  "I 3.3.9";
        mulli       "000111 ttttt aaaaa iiiiiiiiiiiiiiii"      "mulli RT,RA,SI"                   "I 3.3.9";
        add         "011111 ttttt aaaaa bbbbb o 100001010 r"   "add{o}{r} RT,RA,RB"               "I 3.3.9";
        subf        "011111 ttttt aaaaa bbbbb o 000101000 r"   "subf{o}{r} RT,RA,RB"              "I 3.3.9";
        addc        "011111 ttttt aaaaa bbbbb o 000001010 r"   "addc{o}{r} RT,RA,RB"              "I 3.3.9";
        subfc       "011111 ttttt aaaaa bbbbb o 000001000 r"   "subfc{o}{r} RT,RA,RB"             "I 3.3.9";
        adde        "011111 ttttt aaaaa bbbbb o 010001010 r"   "adde{o}{r} RT,RA,RB"              "I 3.3.9";
        subfe       "011111 ttttt aaaaa bbbbb o 010001000 r"   "subfe{o}{r} RT,RA,RB"             "I 3.3.9";
        addme       "011111 ttttt aaaaa ///// o 011101010 r"   "addme{o}{r} RT,RA"                "I 3.3.9";
        subfme      "011111 ttttt aaaaa ///// o 011101000 r"   "subfme{o}{r} RT,RA"               "I 3.3.9";
        addze       "011111 ttttt aaaaa ///// o 011001010 r"   "addze{o}{r} RT,RA"                "I 3.3.9";
        subfze      "011111 ttttt aaaaa ///// o 011001000 r"   "subfze{o}{r} RT,RA"               "I 3.3.9";
        neg         "011111 ttttt aaaaa ///// o 001101000 r"   "neg{o}{r} RT,RA"                  "I 3.3.9";
        addex       "011111 ttttt aaaaa bbbbb 00 10101010 /"   "addex RT,RA,RB,0"                 "I 3.3.9";
        mullw       "011111 ttttt aaaaa bbbbb o 011101011 r"   "mullw{o}{r} RT,RA,RB"             "I 3.3.9";
        mulld       "011111 ttttt aaaaa bbbbb o 011101001 r"   "mulld{o}{r} RT,RA,RB"             "I 3.3.9";
        divw        "011111 ttttt aaaaa bbbbb o 111101011 r"   "divw{o}{r} RT,RA,RB"              "I 3.3.9";
        divwu       "011111 ttttt aaaaa bbbbb o 111001011 r"   "divwu{o}{r} RT,RA,RB"             "I 3.3.9";
        divwe       "011111 ttttt aaaaa bbbbb o 110101011 r"   "divwe{o}{r} RT,RA,RB"             "I 3.3.9";
        divweu      "011111 ttttt aaaaa bbbbb o 110001011 r"   "divweu{o}{r} RT,RA,RB"            "I 3.3.9";
        divd        "011111 ttttt aaaaa bbbbb o 111101001 r"   "divd{o}{r} RT,RA,RB"              "I 3.3.9";
        divdu       "011111 ttttt aaaaa bbbbb o 111001001 r"   "divdu{o}{r} RT,RA,RB"             "I 3.3.9";
        divde       "011111 ttttt aaaaa bbbbb o 110101001 r"   "divde{o}{r} RT,RA,RB"             "I 3.3.9";
        divdeu      "011111 ttttt aaaaa bbbbb o 110001001 r"   "divdeu{o}{r} RT,RA,RB"            "I 3.3.9";
        mulhw       "011111 ttttt aaaaa bbbbb / 001001011 r"   "mulhw{r} RT,RA,RB"                "I 3.3.9";
        mulhwu      "011111 ttttt aaaaa bbbbb / 000001011 r"   "mulhwu{r} RT,RA,RB"               "I 3.3.9";
        mulhd       "011111 ttttt aaaaa bbbbb / 001001001 r"   "mulhd{r} RT,RA,RB"                "I 3.3.9";
        mulhdu      "011111 ttttt aaaaa bbbbb / 000001001 r"   "mulhdu{r} RT,RA,RB"               "I 3.3.9";
        modsw       "011111 ttttt aaaaa bbbbb 1100001011 /"    "modsw RT,RA,RB"                   "I 3.3.9";
        moduw       "011111 ttttt aaaaa bbbbb 0100001011 /"    "moduw RT,RA,RB"                   "I 3.3.9";
        modsd       "011111 ttttt aaaaa bbbbb 1100001001 /"    "modsd RT,RA,RB"                   "I 3.3.9";
        modud       "011111 ttttt aaaaa bbbbb 0100001001 /"    "modud RT,RA,RB"                   "I 3.3.9";
        maddhd      "000100 ttttt aaaaa bbbbb ccccc 110000"    "maddhd RT,RA,RB,RC"               "I 3.3.9";
        maddhdu     "000100 ttttt aaaaa bbbbb ccccc 110001"    "maddhdu RT,RA,RB,RC"              "I 3.3.9";
        maddld      "000100 ttttt aaaaa bbbbb ccccc 110011"    "maddld RT,RA,RB,RC"               "I 3.3.9";
        darn        "011111 ttttt ///ll ///// 1011110011 /"    "darn RT,L"                        "I 3.3.9";
        // Compare.
        cmpi        "001011 fff / l aaaaa iiiiiiiiiiiiiiii"    "cmpi BF,L,RA,SI"                  "I 3.3.10";
        cmpli       "001010 fff / l aaaaa uuuuuuuuuuuuuuuu"    "cmpli BF,L,RA,UI"                 "I 3.3.10";
        cmp         "011111 fff / l aaaaa bbbbb 0000000000 /"  "cmp BF,L,RA,RB"                   "I 3.3.10";
        cmpl        "011111 fff / l aaaaa bbbbb 0000100000 /"  "cmpl BF,L,RA,RB"                  "I 3.3.10";
        cmprb       "011111 fff / l aaaaa bbbbb 0011000000 /"  "cmprb BF,L,RA,RB"                 "I 3.3.10";
        cmpeqb      "011111 fff // aaaaa bbbbb 0011100000 /"   "cmpeqb BF,RA,RB"                  "I 3.3.10";
        // Trap, select.
        twi         "000011 xxxxx aaaaa iiiiiiiiiiiiiiii"      "twi TO,RA,SI"                     "I 3.3.11";
        tdi         "000010 xxxxx aaaaa iiiiiiiiiiiiiiii"      "tdi TO,RA,SI"                     "I 3.3.11";
        tw          "011111 xxxxx aaaaa bbbbb 0000000100 /"    "tw TO,RA,RB"                      "I 3.3.11";
        td          "011111 xxxxx aaaaa bbbbb 0001000100 /"    "td TO,RA,RB"                      "I 3.3.11";
        isel        "011111 ttttt aaaaa bbbbb ccccc 01111 /"   "isel RT,RA|0,RB,BC"               "I 3.3.12";
        // Logical.
        andi        "011100 sssss aaaaa uuuuuuuuuuuuuuuu"      "andi. RA,RS,UI"                   "I 3.3.13";
        andis       "011101 sssss aaaaa uuuuuuuuuuuuuuuu"      "andis. RA,RS,UI"                  "I 3.3.13";
        ori         "011000 sssss aaaaa uuuuuuuuuuuuuuuu"      "ori RA,RS,UI"                     "I 3.3.13";
        oris        "011001 sssss aaaaa uuuuuuuuuuuuuuuu"      "oris RA,RS,UI"                    "I 3.3.13";
        xori        "011010 sssss aaaaa uuuuuuuuuuuuuuuu"      "xori RA,RS,UI"                    "I 3.3.13";
        xoris       "011011 sssss aaaaa uuuuuuuuuuuuuuuu"      "xoris RA,RS,UI"                   "I 3.3.13";
        and         "011111 sssss aaaaa bbbbb 0000011100 r"    "and{r} RA,RS,RB"                  "I 3.3.13";
        andc        "011111 sssss aaaaa bbbbb 0000111100 r"    "andc{r} RA,RS,RB"                 "I 3.3.13";
        or          "011111 sssss aaaaa bbbbb 0110111100 r"    "or{r} RA,RS,RB"                   "I 3.3.13";
        orc         "011111 sssss aaaaa bbbbb 0110011100 r"    "orc{r} RA,RS,RB"                  "I 3.3.13";
        xor         "011111 sssss aaaaa bbbbb 0100111100 r"    "xor{r} RA,RS,RB"                  "I 3.3.13";
        nand        "011111 sssss aaaaa bbbbb 0111011100 r"    "nand{r} RA,RS,RB"                 "I 3.3.13";
        nor         "011111 sssss aaaaa bbbbb 0001111100 r"    "nor{r} RA,RS,RB"                  "I 3.3.13";
        eqv         "011111 sssss aaaaa bbbbb 0100011100 r"    "eqv{r} RA,RS,RB"                  "I 3.3.13";
        extsb       "011111 sssss aaaaa ///// 1110111010 r"    "extsb{r} RA,RS"                   "I 3.3.13";
        extsh       "011111 sssss aaaaa ///// 1110011010 r"    "extsh{r} RA,RS"                   "I 3.3.13";
        extsw       "011111 sssss aaaaa ///// 1111011010 r"    "extsw{r} RA,RS"                   "I 3.3.13";
        cntlzw      "011111 sssss aaaaa ///// 0000011010 r"    "cntlzw{r} RA,RS"                  "I 3.3.13";
        cntlzd      "011111 sssss aaaaa ///// 0000111010 r"    "cntlzd{r} RA,RS"                  "I 3.3.13";
        cnttzw      "011111 sssss aaaaa ///// 1000011010 r"    "cnttzw{r} RA,RS"                  "I 3.3.13";
        cnttzd      "011111 sssss aaaaa ///// 1000111010 r"    "cnttzd{r} RA,RS"                  "I 3.3.13";
        popcntb     "011111 sssss aaaaa ///// 0001111010 /"    "popcntb RA,RS"                    "I 3.3.13";
        popcntw     "011111 sssss aaaaa ///// 0101111010 /"    "popcntw RA,RS"                    "I 3.3.13";
        popcntd     "011111 sssss aaaaa ///// 0111111010 /"    "popcntd RA,RS"                    "I 3.3.13";
        prtyw       "011111 sssss aaaaa ///// 0010011010 /"    "prtyw RA,RS"                      "I 3.3.13";
        prtyd       "011111 sssss aaaaa ///// 0010111010 /"    "prtyd RA,RS"                      "I 3.3.13";
        cmpb        "011111 sssss aaaaa bbbbb 0111111100 /"    "cmpb RA,RS,RB"                    "I 3.3.13";
        bpermd      "011111 sssss aaaaa bbbbb 0011111100 /"    "bpermd RA,RS,RB"                  "I 3.3.13";
        // Rotate and shift.
        rlwinm      "010101 sssss aaaaa hhhhh mmmmm eeeee r"   "rlwinm{r} RA,RS,SH,MB,ME"         "I 3.3.14";
        rlwnm       "010111 sssss aaaaa bbbbb mmmmm eeeee r"   "rlwnm{r} RA,RS,RB,MB,ME"          "I 3.3.14";
        rlwimi      "010100 sssss aaaaa hhhhh mmmmm eeeee r"   "rlwimi{r} RA,RS,SH,MB,ME"         "I 3.3.14";
        rldicl      "011110 sssss aaaaa hhhhh mmmmmm 000 h r"  "rldicl{r} RA,RS,SH,MB"            "I 3.3.14";
        rldicr      "011110 sssss aaaaa hhhhh mmmmmm 001 h r"  "rldicr{r} RA,RS,SH,ME"            "I 3.3.14";
        rldic       "011110 sssss aaaaa hhhhh mmmmmm 010 h r"  "rldic{r} RA,RS,SH,MB"             "I 3.3.14";
        rldimi      "011110 sssss aaaaa hhhhh mmmmmm 011 h r"  "rldimi{r} RA,RS,SH,MB"            "I 3.3.14";
        rldcl       "011110 sssss aaaaa bbbbb mmmmmm 1000 r"   "rldcl{r} RA,RS,RB,MB"             "I 3.3.14";
        rldcr       "011110 sssss aaaaa bbbbb mmmmmm 1001 r"   "rldcr{r} RA,RS,RB,ME"             "I 3.3.14";
        slw         "011111 sssss aaaaa bbbbb 0000011000 r"    "slw{r} RA,RS,RB"                  "I 3.3.14";
        srw         "011111 sssss aaaaa bbbbb 1000011000 r"    "srw{r} RA,RS,RB"                  "I 3.3.14";
        sraw        "011111 sssss aaaaa bbbbb 1100011000 r"    "sraw{r} RA,RS,RB"                 "I 3.3.14";
        sld         "011111 sssss aaaaa bbbbb 0000011011 r"    "sld{r} RA,RS,RB"                  "I 3.3.14";
        srd         "011111 sssss aaaaa bbbbb 1000011011 r"    "srd{r} RA,RS,RB"                  "I 3.3.14";
        srad        "011111 sssss aaaaa bbbbb 1100011010 r"    "srad{r} RA,RS,RB"                 "I 3.3.14";
        srawi       "011111 sssss aaaaa hhhhh 1100111000 r"    "srawi{r} RA,RS,SH"                "I 3.3.14";
        sradi       "011111 sssss aaaaa hhhhh 110011101 h r"   "sradi{r} RA,RS,SH"                "I 3.3.14";
        extswsli    "011111 sssss aaaaa hhhhh 110111101 h r"   "extswsli{r} RA,RS,SH"             "I 3.3.14";
        // BCD assist.
        cdtbcd      "011111 sssss aaaaa ///// 0100011010 /"    "cdtbcd RA,RS"                     "I 3.3.15";
        cbcdtd      "011111 sssss aaaaa ///// 0100111010 /"    "cbcdtd RA,RS"                     "I 3.3.15";
        addg6s      "011111 ttttt aaaaa bbbbb / 001001010 /"   "addg6s RT,RA,RB"                  "I 3.3.15";
        // Condition register moves.
        mfcr        "011111 ttttt 0 //////// / 0000010011 /"   "mfcr RT"                          "I 3.3.17";
        mfocrf      "011111 ttttt 1 xxxxxxxx / 0000010011 /"   "mfocrf RT,FXM"                    "I 3.3.17";
        mtcrf       "011111 sssss 0 xxxxxxxx / 0010010000 /"   "mtcrf FXM,RS"                     "I 3.3.17";
        mtocrf      "011111 sssss 1 xxxxxxxx / 0010010000 /"   "mtocrf FXM,RS"                    "I 3.3.17";
        mcrxrx      "011111 fff // ///// ///// 1001000000 /"   "mcrxrx BF"                        "I 3.3.17";
        setb        "011111 ttttt ggg // ///// 0010000000 /"   "setb RT,BFA"                      "I 3.3.17";
    }};
}
