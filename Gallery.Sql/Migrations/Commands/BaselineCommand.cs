using System.CommandLine;
using Gallery.Sql.Database;

namespace Gallery.Sql.Migrations.Commands;

internal static class BaselineCommand
{
    public static Command Create()
    {
        var through = new Option<int>("--through") { Description = "the number of the last script whose work is there already", Required = true };
        var command = new Command("baseline", "Adopts a database that has the schema already: journals the scripts without running them.") { through };
        command.SetAction((parsed, ct) => CommandLine.AnswerAsync(async () =>
        {
            var all = CommandLine.ReadScripts(parsed);
            var last = parsed.GetValue(through);
            var adopted = all.Where(script => script.Number <= last).ToArray();
            if (adopted.Length == 0 || adopted[^1].Number != last)
                throw new MigrationException(ExitCode.Usage, $"--through {last:0000}: there is no script of that number.");

            var expected = adopted.Length == all.Count
                ? CommandLine.ReadSnapshot(parsed)
                : await RehearseAsync(adopted, ct);
            await Baseline.AdoptAsync(CommandLine.FindTarget(parsed), adopted, expected, StandardErrorLog.Instance, ct);
            foreach (var script in adopted)
                Console.WriteLine(script.Name);
            return ExitCode.Done;
        }));
        return command;
    }

    /// <summary>The committed snapshot is of the last script; an earlier one's schema has to be made to be known.</summary>
    private static async Task<string> RehearseAsync(MigrationScript[] scripts, CancellationToken ct)
    {
        await using var server = await RehearsalServer.StartAsync(Settings.Load(), StandardErrorLog.Instance, ct)
            ?? throw new SettingsException(
                $"to know the schema at {scripts[^1].Name}, which is not the last script, set {RehearsalServer.Setting} (a scratch server, or: embedded).");
        return await Rehearsal.SnapshotAsync(server.Connection, scripts, ct);
    }
}
