using System.Diagnostics;

namespace Gallery.Sql.Coalescing;

/// <summary>What a statement owes those it carries.</summary>
/// <param name="Since">When the first of them began to wait, by <see cref="Stopwatch.GetTimestamp"/>: begun too late, it might undo what they have done since they gave up.</param>
/// <param name="InCompany">
/// Whether several share it, or did before it failed for one of them: it may fail early, and is run again for fewer of them, at last for each alone.
/// </param>
public readonly record struct StatementTerms(long Since, bool InCompany)
{
    /// <summary>For one request, from now on.</summary>
    public static StatementTerms Alone() => new(Stopwatch.GetTimestamp(), InCompany: false);
}
