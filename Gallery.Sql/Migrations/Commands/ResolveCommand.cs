using System.CommandLine;

namespace Gallery.Sql.Migrations.Commands;

internal static class ResolveCommand
{
    public static Command Create()
    {
        var script = new Argument<string>("script") { Description = "the file's name" };
        var outcome = new Option<string>("--as") { Description = "applied: its work is there; pending: it is to run again", Required = true }
            .AcceptOnlyFromAmong("applied", "pending");
        var reason = new Option<string>("--reason") { Description = "what was found and done; the journal keeps it", Required = true };
        var command = new Command("resolve", "Closes a concurrent script that stopped half-way.") { script, outcome, reason };
        command.SetAction((parsed, ct) => CommandLine.AnswerAsync(async () =>
        {
            await Resolution.ResolveAsync(
                CommandLine.FindTarget(parsed),
                parsed.GetRequiredValue(script),
                parsed.GetRequiredValue(outcome) == "applied",
                parsed.GetRequiredValue(reason),
                StandardErrorLog.Instance,
                ct);
            return ExitCode.Done;
        }));
        return command;
    }
}
