using System.CommandLine;
using System.Globalization;

namespace Gallery.Sql.Migrations.Commands;

internal static class ApplyCommand
{
    public static Command Create()
    {
        var target = CommandLine.TargetOption();
        var expectPlan = new Option<string?>("--expect-plan") { Description = "run exactly the plan of this hash, as plan prints it, or nothing" };
        var waitLock = CommandLine.DurationOption(
            "--wait-lock", "how long to wait for another run to end", ApplyOptions.Default.WaitLock);
        var lockTimeout = CommandLine.DurationOption(
            "--lock-timeout", "how long a script may wait for a table, while others queue behind it", ApplyOptions.Default.LockTimeout,
            atLeast: TimeSpan.FromMilliseconds(1));   // to PostgreSQL, 0 is no limit
        var lockRetries = new Option<int>("--lock-retries")
        {
            Description = "how often a script that did not get its lock is tried again",
            DefaultValueFactory = _ => ApplyOptions.Default.LockRetries,
        };
        lockRetries.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && int.TryParse(text, CultureInfo.InvariantCulture, out var retries) && retries < 0)
                result.AddError("--lock-retries: it takes 0 or more.");
        });
        var command = new Command("apply", "Runs the pending scripts, each in a transaction of its own.")
        {
            target,
            expectPlan,
            waitLock,
            lockTimeout,
            lockRetries,
        };
        command.SetAction((parsed, ct) => CommandLine.AnswerAsync(async () =>
        {
            var applied = await Migrator.ApplyAsync(
                CommandLine.FindTarget(parsed),
                CommandLine.ReadScripts(parsed),
                new ApplyOptions(
                    parsed.GetValue(target),
                    parsed.GetValue(expectPlan),
                    parsed.GetValue(waitLock),
                    parsed.GetValue(lockTimeout),
                    parsed.GetValue(lockRetries)),
                StandardErrorLog.Instance,
                ct);
            foreach (var name in applied)
                Console.WriteLine(name);
            return ExitCode.Done;
        }));
        return command;
    }
}
