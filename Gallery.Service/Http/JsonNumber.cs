namespace Gallery.Service.Http;

/// <summary>
/// How PostgreSQL's <c>numeric</c> holds a JSON number: 16,383 digits after the point at most, and <c>1e65000</c> is
/// printed with all its zeros (PostgreSQL's manual, "Arbitrary Precision Numbers").
/// </summary>
internal static class JsonNumber
{
    private const int MaximumFraction = 16_383;
    private const int MaximumInteger = 131_072;
    private const int ExponentsEnd = int.MaxValue / 2;   // numeric's own input stops here, whatever the digits are

    /// <summary>How many characters the number has when written out in full; null if PostgreSQL can not hold it.</summary>
    /// <param name="token">A number by JSON's grammar, so it is not checked again.</param>
    public static int? WrittenLength(ReadOnlySpan<byte> token)
    {
        var e = token.IndexOfAny((byte)'e', (byte)'E');
        if (e < 0) e = token.Length;
        if (ParseExponent(token[Math.Min(e + 1, token.Length)..]) is not { } exponent) return null;

        var sign = token[0] == '-' ? 1 : 0;
        var point = token[..e].IndexOf((byte)'.');
        var wholeDigits = (point < 0 ? e : point) - sign;
        var fractionDigits = point < 0 ? 0 : e - point - 1;

        var fraction = Math.Max(0L, fractionDigits - exponent);
        if (fraction > MaximumFraction) return null;

        var whole = wholeDigits + exponent - LeadingZeros(token[sign..e]);
        if (IsZero(token[sign..e]) || whole < 1) whole = 1;
        if (whole > MaximumInteger) return null;
        return (int)(sign + whole + (fraction > 0 ? 1 + fraction : 0));
    }

    private static long? ParseExponent(ReadOnlySpan<byte> digits)
    {
        if (digits.IsEmpty) return 0;
        var negative = digits[0] == '-';
        if (digits[0] is (byte)'-' or (byte)'+') digits = digits[1..];

        long value = 0;
        foreach (var digit in digits)
        {
            value = value * 10 + (digit - '0');
            if (value >= ExponentsEnd) return null;
        }

        return negative ? -value : value;
    }

    private static int LeadingZeros(ReadOnlySpan<byte> mantissa)
    {
        var zeros = 0;
        foreach (var character in mantissa)
        {
            if (character == '.') continue;
            if (character != '0') break;
            zeros++;
        }

        return zeros;
    }

    private static bool IsZero(ReadOnlySpan<byte> mantissa) => mantissa.IndexOfAnyInRange((byte)'1', (byte)'9') < 0;
}
