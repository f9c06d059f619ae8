namespace Gallery.Sql.Migrations;

/// <param name="Text">One statement, from its first word, without the semicolon.</param>
/// <param name="Masked">The same after <see cref="SqlText.Mask"/>.</param>
/// <param name="Offset">The start in the script, in UTF-16 units.</param>
internal sealed record SqlStatement(string Text, string Masked, int Offset);

/// <summary>
/// Splits a script into statements by PostgreSQL's lexical rules. Npgsql's splitter is not used, because it does not report
/// offsets, which error messages need for the line.
/// </summary>
internal static class SqlText
{
    public static IReadOnlyList<SqlStatement> Split(string sql)
    {
        var masked = Mask(sql);
        var statements = new List<SqlStatement>();
        for (var start = 0; start < sql.Length;)
        {
            var semicolon = masked.IndexOf(';', start);
            var end = semicolon < 0 ? sql.Length : semicolon;
            while (start < end && char.IsWhiteSpace(masked[start]))
                start++;
            if (start < end)
                statements.Add(new SqlStatement(sql[start..end].TrimEnd(), masked[start..end].TrimEnd(), start));
            start = end + 1;
        }

        return statements;
    }

    /// <summary>Turns comments into spaces and quoted text into question marks. Length and lines stay the same.</summary>
    public static string Mask(string sql)
    {
        var masked = sql.ToCharArray();
        for (var i = 0; i < sql.Length;)
        {
            var end = EndOfToken(sql, i);
            var fill = sql[i] is '-' or '/' ? ' ' : '?';
            for (var j = i; j < end && end > i + 1; j++)
            {
                if (sql[j] != '\n')
                    masked[j] = fill;
            }

            i = end;
        }

        return new string(masked);
    }

    private static int EndOfToken(string sql, int i) => sql[i] switch
    {
        '-' when Starts(sql, i, "--") => IndexAfter(sql, "\n", i),
        '/' when Starts(sql, i, "/*") => EndOfBlockComment(sql, i),
        '\'' => EndOfQuoted(sql, i, backslashEscapes: i > 0 && sql[i - 1] is 'e' or 'E' && !(i > 1 && IsNameCharacter(sql[i - 2]))),
        '"' => EndOfQuoted(sql, i, backslashEscapes: false),
        '$' when !(i > 0 && IsNameCharacter(sql[i - 1])) => EndOfDollarQuoted(sql, i),
        _ => i + 1,
    };

    private static int EndOfBlockComment(string sql, int i)
    {
        var depth = 0;   // PostgreSQL's block comments nest
        for (; i < sql.Length; i++)
        {
            if (Starts(sql, i, "/*")) { depth++; i++; }
            else if (Starts(sql, i, "*/")) { i++; if (--depth == 0) return i + 1; }
        }

        return sql.Length;
    }

    private static int EndOfQuoted(string sql, int start, bool backslashEscapes)
    {
        for (var i = start + 1; i < sql.Length; i++)
        {
            if (backslashEscapes && sql[i] == '\\')
                i++;
            else if (sql[i] == sql[start])
                return i + 1;   // a doubled quote counts as two adjacent strings, with the same end
        }

        return sql.Length;
    }

    private static int EndOfDollarQuoted(string sql, int start)
    {
        var i = start + 1;
        while (i < sql.Length && IsNameCharacter(sql[i]) && sql[i] != '$' && !(i == start + 1 && char.IsAsciiDigit(sql[i])))
            i++;
        return i < sql.Length && sql[i] == '$' ? IndexAfter(sql, sql[start..(i + 1)], i + 1) : start + 1;
    }

    private static int IndexAfter(string sql, string value, int from)
    {
        var i = sql.IndexOf(value, from, StringComparison.Ordinal);
        return i < 0 ? sql.Length : i + value.Length;
    }

    private static bool Starts(string sql, int i, string value) => string.CompareOrdinal(sql, i, value, 0, value.Length) == 0;

    private static bool IsNameCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '$' || c > '\u007F';
}
