/* Is there an assembler for what this compiler writes?
 *
 *     aarch64-linux-gnu-gcc -c control.c
 *
 * This is the smallest file that needs one. A cross compiler whose binutils are missing calls the `as` of this
 * machine, which says so: `as: unrecognized option '-EL'`. */
int xpkg_assembler_control(int value);

int xpkg_assembler_control(int value)
{
    return value + 1;
}
