namespace Gallery.Sql.Database;

/// <summary>Finds what somebody meant who misspelt a name.</summary>
internal static class Spelling
{
    /// <summary>
    /// A question for the known name that is nearest in any case, with a space after it. At most two fifths of the sent name may be wrong. Otherwise one name
    /// must begin with the other, of three letters or more, or end with it after an underscore. Empty if no name is near.
    /// </summary>
    /// <param name="known">In lower case, one at least.</param>
    public static string Suggest(string sent, IReadOnlyCollection<string> known)
    {
        var name = sent.ToLowerInvariant();
        var nearest = known.Where(one => IsNear(name, Math.Abs(name.Length - one.Length)) && IsNear(name, Distance(name, one))).MinBy(one => Distance(name, one));
        var meant = nearest ?? known.FirstOrDefault(one => IsPart(name, one) || IsPart(one, name));
        return meant is null ? "" : $"Did you mean {meant}? ";
    }

    /// <summary>The insertions, deletions, replacements, and exchanges of neighbours, that turn one text into the other (optimal string alignment).</summary>
    public static int Distance(string a, string b)
    {
        var cost = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
            for (var j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    cost[i, j] = i + j;
                    continue;
                }

                var replaced = cost[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                cost[i, j] = Math.Min(replaced, Math.Min(cost[i - 1, j], cost[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) cost[i, j] = Math.Min(cost[i, j], cost[i - 2, j - 2] + 1);
            }

        return cost[a.Length, b.Length];
    }

    private static bool IsNear(string name, int distance) => 5 * distance <= 2 * name.Length;

    private static bool IsPart(string part, string whole) =>
        part.Length > 2 && (whole.StartsWith(part, StringComparison.Ordinal) || whole.EndsWith($"_{part}", StringComparison.Ordinal));
}
