/* Does the assembler know the instructions that ring and aws-lc are written in?
 *
 *     cc -c bug.c
 *
 * binutils up to 2.29 know VPCLMULQDQ for 128-bit registers only: `operand type mismatch for 'vpclmulqdq'`. */
__asm__(".pushsection .text.xpkg_assembler_old,\"ax\",@progbits\n"
        "\tvpclmulqdq $0x11, %ymm1, %ymm2, %ymm3\n"
        "\tvpclmulqdq $0x11, %zmm1, %zmm2, %zmm3\n"
        "\tvaesenc %ymm1, %ymm2, %ymm3\n"
        ".popsection\n");

int xpkg_assembler_old(void);

int xpkg_assembler_old(void)
{
    return 0;
}
