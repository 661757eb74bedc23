/* Rounding of doubles to pairs of 16 bits. */
#include "backends/cpu/pair.h"

#include <stdint.h>
#include <string.h>

#define SIGN     UINT32_C(0x80000000)
#define INFINITE UINT32_C(0x7f800000)
#define NORMAL   UINT32_C(0x00800000) /* the least */
#define QUIET    UINT32_C(0x00400000) /* makes a NaN of an infinity, and keeps a NaN one */
#define UPPER    UINT32_C(0xffff0000)
#define BELOW    (UINT32_C(24) << 23) /* 2^-24 in an exponent */

static uint32_t bits_of(double value)
{
    float narrow = (float)value;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    return bits;
}

static uint32_t round_im(uint32_t bits)
{
    uint32_t magnitude = bits & ~SIGN;
    if (magnitude < NORMAL)
        return 0;
    if (magnitude >= INFINITE)
        return (magnitude > INFINITE ? bits | QUIET : bits) >> 16;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/* Magnitudes order as their bits do, so nearest is nearest in bits. */
static uint32_t round_re(uint32_t bits, uint32_t im)
{
    uint32_t magnitude = bits & ~SIGN, im_magnitude = im << 16 & ~SIGN;
    uint32_t least = im_magnitude > NORMAL + BELOW ? im_magnitude - BELOW : NORMAL;
    if (magnitude >= INFINITE)
        return (magnitude > INFINITE ? bits | QUIET : bits) & UPPER;
    if (!im && magnitude < NORMAL)
        return 0;
    magnitude = magnitude < least + im ? least : magnitude - im + 0x8000;
    return ((bits & SIGN) | magnitude) & UPPER;
}

float circ_pair_of(double re, double im)
{
    uint32_t low = round_im(bits_of(im)), word = round_re(bits_of(re), low) | low;
    float pair;
    memcpy(&pair, &word, sizeof pair);
    return pair;
}
