using System.CommandLine;
using Gallery.Sql;
using Gallery.Sql.Database;
using Gallery.Sql.Migrations;

namespace Gallery.Service;

/// <summary>Why the service did not start: one line on standard error, and the exit code.</summary>
internal static class StartFailure
{
    public static int Report(Exception failure)
    {
        var (exitCode, message) = failure switch
        {
            SettingsException => (2, failure.Message),
            DatabaseUnusableException or MigrationException => (3, failure.Message),
            ServiceAddressException => (4, failure.Message),
            OperationCanceledException => (1, "Stopped before the start was complete."),
            FormatException or InvalidOperationException or IOException or UnauthorizedAccessException => (1, failure.Message),
            _ => (1, $"unexpected: {failure}"),   // a bug: its fix needs the stack
        };
        Console.Error.WriteLine($"gallery: {LogText.Line(message.ReplaceLineEndings(" "))}");
        return exitCode;
    }

    public static SettingsException Explain(ParseResult parsed) => new(CommandFault.Explain(parsed));
}
