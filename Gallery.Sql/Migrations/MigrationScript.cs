using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Gallery.Sql.Migrations;

/// <summary>One file of <c>sql/migrations</c>.</summary>
/// <param name="Name">The file's name alone: the journal's key, the same wherever the file lies.</param>
/// <param name="Body">The text that runs: line ends are LF and there is no byte order mark, so that an editor's or Git's habits are no edit.</param>
/// <param name="Path">Where a reader finds it, for error messages.</param>
public sealed partial record MigrationScript(string Name, string Body, string Path)
{
    private const string NoTransactionMark = "-- migrator: no-transaction";

    public int Number => int.Parse(Name.AsSpan(0, 4), CultureInfo.InvariantCulture);

    /// <summary>SHA-256 of the body. The prefix names the recipe, so that a later recipe can stand beside it.</summary>
    public string Checksum { get; } = ChecksumOf(Body);

    /// <summary>False for what PostgreSQL refuses inside a transaction: a concurrent index.</summary>
    public bool InTransaction { get; } = !Header(Body).Contains(NoTransactionMark, StringComparer.Ordinal);

    internal static string ChecksumOf(string body) =>
        "sha256v1:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body)));

    /// <summary>The comment lines that the script starts with.</summary>
    internal static IEnumerable<string> Header(string body) =>
        body.Split('\n').TakeWhile(line => line.StartsWith("--", StringComparison.Ordinal)).Select(line => line.TrimEnd());

    /// <summary>The text is as a reader gives it, which keeps a byte order mark to itself.</summary>
    /// <exception cref="MigrationException">The name is not <c>NNNN_verb_object.sql</c>: its place among the others is unknown.</exception>
    internal static MigrationScript Create(string name, string text, string path)
    {
        if (!NamePattern.IsMatch(name))
            throw new MigrationException(ExitCode.Usage, $"{path}: a script is named NNNN_verb_object.sql, in lower case, with four digits.");

        return new MigrationScript(name, text.Replace("\r\n", "\n", StringComparison.Ordinal), path);
    }

    [GeneratedRegex("^[0-9]{4}(_[a-z0-9]+){2,}\\.sql\\z")]
    private static partial Regex NamePattern { get; }
}
