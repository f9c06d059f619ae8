using System.CommandLine;
using System.Data;
using System.Globalization;
using Dapper;
using Gallery.Sql.Database;
using Gallery.Sql.Migrations;
using Gallery.Sql.Migrations.Commands;

namespace Gallery.Sql.Metering;

/// <summary><c>reconcile</c>: proves that the usage ledger agrees with what it counts, or lists where it does not.</summary>
internal static class ReconcileCommand
{
    public static Command Create()
    {
        var from = new Option<DateOnly>("--from")
        {
            Description = "the first day to check, UTC, such as 2026-01-31. Default: the first day of this month",
            DefaultValueFactory = _ => new(DateTime.UtcNow.Year, DateTime.UtcNow.Month, 1),
            CustomParser = result =>
            {
                if (!DateOnly.TryParseExact(result.Tokens[0].Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day))
                    result.AddError("--from: not a day. Use one such as 2026-01-31.");
                return day;
            },
        };
        var mend = new Option<bool>("--mend") { Description = "write the missing lines of saves into the open month" };
        var command = new Command("reconcile", "Checks that the usage ledger agrees with the history and the counts. Only reads, without --mend.") { from, mend };
        command.SetAction((parsed, ct) => CommandLine.ExecuteAsync(() => ReconcileAsync(parsed, parsed.GetValue(from), parsed.GetValue(mend), ct)));
        return command;
    }

    private static async Task<ExitCode> ReconcileAsync(ParseResult parsed, DateOnly from, bool mends, CancellationToken ct)
    {
        await using var connection = await CommandLine.ConnectAsync(CommandLine.FindTarget(parsed), ct);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
        if (!mends) await connection.ExecuteAsync(new CommandDefinition("set transaction read only", transaction: transaction, cancellationToken: ct));
        var ledger = new Reconciliation(transaction, from, ct);
        if (mends)
        {
            Console.WriteLine($"{await ledger.MendAsync()} missing lines written");
            await transaction.CommitAsync(ct);
            return ExitCode.Done;
        }

        IReadOnlyList<string> differences =
            [.. await ledger.FindMissingAsync(), .. await ledger.FindDoubledAsync(), .. await ledger.FindInventedAsync(), .. await ledger.FindOtherSizesAsync(), .. await ledger.FindMissingViewsAsync()];
        if (differences.Count > 0)
            throw new MigrationException(ExitCode.Integrity, string.Join('\n', [.. differences.Select(LogText.Line), $"the ledger differs from {from:yyyy-MM-dd} on. At most {Reconciliation.MostDifferences} of each kind are listed."]));

        var (count, earlier) = (await ledger.CountAsync(), await ledger.CountEarlierAsync());
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"ok: from {from:yyyy-MM-dd} on the ledger agrees with {count:N0} saved and imported images, and has at least the views that are stored"));
        if (earlier > 0) Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"not compared: {earlier:N0} images that were created before {from:yyyy-MM-dd}. --from compares them"));
        return ExitCode.Done;
    }
}
