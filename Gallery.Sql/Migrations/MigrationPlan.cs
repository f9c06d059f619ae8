using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Gallery.Sql.Migrations;

internal enum ScriptState
{
    Applied,
    Pending,
    Edited,
    Renamed,
    Missing,
    Newer,
    OutOfOrder,
    JournalChanged,
    HalfDone,
}

/// <summary>A script in the files, the journal or both. <c>Script</c> is null without a file, <c>Row</c> without a journal row.</summary>
internal sealed record PlannedScript(string Name, ScriptState State, MigrationScript? Script, JournalRow? Row);

/// <summary>Compares the script files with the journal and decides what to run.</summary>
internal sealed class MigrationPlan
{
    private MigrationPlan(IReadOnlyList<PlannedScript> scripts, IReadOnlyList<MigrationScript> pending)
    {
        Scripts = scripts;
        Pending = pending;
    }

    /// <summary>All scripts of the files and the journal, in order.</summary>
    public IReadOnlyList<PlannedScript> Scripts { get; }

    /// <summary>The scripts to run, in order, up to the target.</summary>
    public IReadOnlyList<MigrationScript> Pending { get; }

    /// <summary>The names of the scripts that a newer release applied, in order. This release has no file for them, and runs beside them.</summary>
    public IEnumerable<string> Newer => Scripts.Where(script => script.State == ScriptState.Newer).Select(script => script.Name);

    public IEnumerable<JournalRow> Applied => Scripts.Select(script => script.Row).OfType<JournalRow>().Where(row => row.State == Journal.Applied);

    /// <summary>Identifies this plan. It changes if a script is applied, edited, added or removed in between.</summary>
    public string Hash => HashOf([.. Applied], Pending.Select(script => (script.Name, script.Checksum)));

    /// <summary>
    /// Whether this is the approved plan, or the rest of it. It may have run in part or in full meanwhile: then some of the last applied scripts
    /// were its pending ones.
    /// </summary>
    public bool Matches(string approved)
    {
        var applied = Applied.ToArray();
        var pending = Pending.Select(script => (script.Name, script.Checksum));
        return Enumerable.Range(0, applied.Length + 1).Any(count =>
            HashOf(applied[..count], [.. applied[count..].Select(row => (row.Script, row.Checksum)), .. pending]) == approved);
    }

    private static string HashOf(JournalRow[] applied, IEnumerable<(string Name, string Checksum)> pending)
    {
        var text = new StringBuilder();
        foreach (var row in applied)
            text.Append(CultureInfo.InvariantCulture, $"{row.State} {row.Script} {row.Checksum}\n");
        foreach (var (name, checksum) in pending)
            text.Append(CultureInfo.InvariantCulture, $"pending {name} {checksum}\n");
        return "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <param name="target">The number of the last script to run; null for all.</param>
    public static MigrationPlan Make(IReadOnlyList<MigrationScript> scripts, IReadOnlyList<JournalRow> rows, int? target)
    {
        if (target is not null && scripts.All(script => script.Number != target))
            throw new MigrationException(ExitCode.Usage, $"--target {target:0000}: there is no script with that number.");

        var files = scripts.ToDictionary(script => script.Name, StringComparer.Ordinal);
        var journal = rows.ToDictionary(row => row.Script, StringComparer.Ordinal);
        var last = rows.Select(row => row.Script).Max(StringComparer.Ordinal) ?? "";
        var newest = scripts.Select(script => script.Name).Max(StringComparer.Ordinal) ?? "9999";

        var planned = files.Keys.Union(journal.Keys)
            .Order(StringComparer.Ordinal)
            .Select(name => (Name: name, Script: files.GetValueOrDefault(name), Row: journal.GetValueOrDefault(name)))
            .Select(each => new PlannedScript(each.Name, StateOf(each.Script, each.Row), each.Script, each.Row))
            .ToArray();
        var pending = planned.Where(each => each.State == ScriptState.Pending && (target is null || each.Script!.Number <= target));
        return new MigrationPlan(planned, [.. pending.Select(each => each.Script!)]);

        bool IsNewer(JournalRow row) => string.CompareOrdinal(row.Script, 0, newest, 0, "0000".Length) > 0;

        ScriptState StateOf(MigrationScript? script, JournalRow? row) => (script, row) switch
        {
            (null, { State: not Journal.Applied } begun) when IsNewer(begun) => ScriptState.Newer,
            ({ IsBatched: true } file, { State: not Journal.Applied } begun) when file.Checksum == begun.Checksum => ScriptState.Pending,   // it goes on
            (_, { State: not Journal.Applied }) => ScriptState.HalfDone,
            (_, { } applied) when applied.Checksum != MigrationScript.ChecksumOf(applied.Body) => ScriptState.JournalChanged,
            (null, { } applied) when scripts.Any(s => s.Checksum == applied.Checksum && !journal.ContainsKey(s.Name)) => ScriptState.Renamed,
            (null, { } applied) when IsNewer(applied) => ScriptState.Newer,
            (null, _) => ScriptState.Missing,
            ({ } file, { } applied) => file.Checksum == applied.Checksum ? ScriptState.Applied : ScriptState.Edited,
            ({ } file, null) => string.CompareOrdinal(file.Name, last) < 0 ? ScriptState.OutOfOrder : ScriptState.Pending,
        };
    }

    /// <exception cref="MigrationException">The files and the journal disagree, a script stopped half-way, or another run has not finished it yet.</exception>
    public async Task ThrowIfInconsistentAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        var problems = Scripts.Where(script => script.State is not (ScriptState.Applied or ScriptState.Pending or ScriptState.Newer)).ToArray();
        if (problems.Length == 0)
            return;

        var exitCode = problems.Any(problem => problem.State == ScriptState.HalfDone) ? ExitCode.HalfDone : ExitCode.Integrity;
        if (exitCode == ExitCode.HalfDone)
            await MigrationLock.ThrowIfUnderWayAsync(connection, ct);
        throw new MigrationException(exitCode, string.Join('\n', [.. problems.Select(Explain), "nothing was changed."]));
    }

    private string Explain(PlannedScript problem) => problem switch
    {
        { State: ScriptState.Edited, Script: { } script, Row: { } row } =>
            $"{script.Path} was edited after it was applied:\n{LineDiff.Between(row.Body, script.Body)}\n"
            + "next: restore the file, and write the change as a new script.",
        { State: ScriptState.Renamed, Row: { } row } =>
            $"{problem.Name} was applied, but its file is now named "
            + $"{Scripts.First(other => other.Row is null && other.Script!.Checksum == row.Checksum).Name}.\nnext: rename the file back.",
        { State: ScriptState.Missing } =>
            $"{problem.Name} was applied, but its file is missing.\nnext: restore the file, or run the release that contains it.",
        { State: ScriptState.JournalChanged } =>
            $"{problem.Name}: its row in gallery_migrations.journal was changed by hand: body and checksum disagree.\n"
            + "next: find out who changed it and why. The release's scripts contain the original text.",
        { State: ScriptState.OutOfOrder } =>
            $"{problem.Script!.Path} has a lower number than an applied script.\nnext: give it the next free number.",
        { Row: { } row } =>
            $"{problem.Name} stopped half-way ({row.State} since {row.StartedAt:yyyy-MM-dd HH:mm:ss} UTC){(row.Error is null ? "" : ": " + row.Error)}\n"
            + "next: list invalid indexes with gallery-migrate verify, remove them with drop index concurrently, then run\n"
            + $"      gallery-migrate resolve {problem.Name} --as applied|pending --reason \"…\"",
        _ => problem.Name,
    };
}
