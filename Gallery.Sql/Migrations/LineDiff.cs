using System.Globalization;

namespace Gallery.Sql.Migrations;

/// <summary>The lines that differ, as <c>diff</c> prints them, without the equal ones.</summary>
internal static class LineDiff
{
    private const int MaxCells = 4_000_000;   // 16 MB

    public static string Between(string before, string after)
    {
        var a = before.Split('\n').AsSpan();
        var b = after.Split('\n').AsSpan();
        var start = a.CommonPrefixLength(b);
        a = a[start..];
        b = b[start..];
        while (a.Length > 0 && b.Length > 0 && a[^1] == b[^1])
        {
            a = a[..^1];
            b = b[..^1];
        }

        if ((a.Length + 1L) * (b.Length + 1L) > MaxCells)
            return string.Create(CultureInfo.InvariantCulture, $"{a.Length} lines became {b.Length} lines after line {start}. These are too many to show.");

        // common[i, j]: the length of the longest common subsequence of a from i on and b from j on.
        var common = new int[a.Length + 1, b.Length + 1];
        for (var i = a.Length - 1; i >= 0; i--)
        {
            for (var j = b.Length - 1; j >= 0; j--)
                common[i, j] = a[i] == b[j] ? common[i + 1, j + 1] + 1 : Math.Max(common[i + 1, j], common[i, j + 1]);
        }

        var lines = new List<string>();
        for (int i = 0, j = 0; i < a.Length || j < b.Length;)
        {
            if (i < a.Length && j < b.Length && a[i] == b[j])
            {
                i++;
                j++;
            }
            else if (j == b.Length || (i < a.Length && common[i + 1, j] >= common[i, j + 1]))
            {
                lines.Add("- " + a[i++]);
            }
            else
            {
                lines.Add("+ " + b[j++]);
            }
        }

        return string.Join('\n', lines);
    }
}
