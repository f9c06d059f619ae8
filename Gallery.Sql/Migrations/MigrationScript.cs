using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Gallery.Sql.Migrations;

/// <summary>One file of <c>sql/migrations</c>.</summary>
/// <param name="Name">The file name without a path: the journal's key.</param>
/// <param name="Body">The text that runs, with LF line ends and no byte order mark, so that these never count as an edit.</param>
/// <param name="Path">For error messages.</param>
public sealed partial record MigrationScript(string Name, string Body, string Path)
{
    internal const string NoTransactionMark = "-- migrator: no-transaction";
    internal const string BatchedMark = "-- migrator: batched";

    public int Number => int.Parse(Name.AsSpan(0, 4), CultureInfo.InvariantCulture);

    /// <summary>SHA-256 of the body. The prefix names the method, so that another one can be added later.</summary>
    public string Checksum { get; } = ChecksumOf(Body);

    /// <summary>True for a statement that runs until it changes nothing, and commits each time.</summary>
    public bool IsBatched { get; } = Header(Body).Contains(BatchedMark, StringComparer.Ordinal);

    /// <summary>False for a concurrent index, which PostgreSQL rejects inside a transaction, and for a batched script.</summary>
    public bool InTransaction { get; } = !Header(Body).Any(line => line is NoTransactionMark or BatchedMark);

    internal static string ChecksumOf(string body) =>
        "sha256v1:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body)));

    /// <summary>The comment lines at the top of the script.</summary>
    internal static IEnumerable<string> Header(string body) =>
        body.Split('\n').TakeWhile(line => line.StartsWith("--", StringComparison.Ordinal)).Select(line => line.TrimEnd());

    /// <param name="name">The file name without a path.</param>
    /// <param name="text">Without a byte order mark, which a <see cref="StreamReader"/> removes.</param>
    /// <param name="path">For error messages.</param>
    /// <exception cref="MigrationException">The name is not <c>NNNN_verb_object.sql</c>.</exception>
    internal static MigrationScript Create(string name, string text, string path)
    {
        if (!NamePattern.IsMatch(name))
            throw new MigrationException(ExitCode.Usage, $"{path}: not a script name. Use NNNN_verb_object.sql, in lower case, with four digits.");

        return new MigrationScript(name, text.Replace("\r\n", "\n", StringComparison.Ordinal), path);
    }

    [GeneratedRegex("^[0-9]{4}(_[a-z0-9]+){2,}\\.sql\\z")]
    private static partial Regex NamePattern { get; }
}
