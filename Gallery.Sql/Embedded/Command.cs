using System.ComponentModel;
using System.Diagnostics;

namespace Gallery.Sql.Embedded;

/// <summary>How a program ended, and what it said on both streams.</summary>
internal sealed record CommandResult(int ExitCode, string Output)
{
    public bool Succeeded => ExitCode == 0;

    /// <summary>The last line that says anything: where programs put the reason.</summary>
    public string LastLine =>
        Output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).LastOrDefault()
        ?? $"exit code {ExitCode}";
}

/// <summary>Runs a program to its end.</summary>
internal static class Command
{
    // Nothing else reaches PostgreSQL: PG* variables would redirect it, and the service's secrets are none of its business.
    private static readonly string[] KeptVariables =
    [
        "PATH", "HOME", "TZ", "TMPDIR", "LD_LIBRARY_PATH",
        "TEMP", "TMP", "USERPROFILE", "APPDATA", "SystemRoot", "SystemDrive", "ComSpec",
    ];

    /// <summary>
    /// As <paramref name="user"/>, which only root may ask for. <paramref name="ownEnvironment"/>: it gets the service's whole
    /// environment. Without <paramref name="capture"/> its streams are left alone: what it leaves running cannot hold up the caller.
    /// </summary>
    public static async Task<CommandResult> RunAsync(
        string program, IEnumerable<string> arguments, CancellationToken ct,
        string? user = null, bool ownEnvironment = false, bool capture = true)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = capture,
            RedirectStandardOutput = capture,
            RedirectStandardError = capture,
        };
        if (user is not null)
            start.UserName = user;
        if (!OperatingSystem.IsWindows())
            start.WorkingDirectory = "/";       // the current folder may be closed to that user
        if (!ownEnvironment)
        {
            foreach (var name in start.Environment.Keys.Except(KeptVariables, StringComparer.OrdinalIgnoreCase).ToList())
                start.Environment.Remove(name);
            start.Environment["LC_ALL"] = "C";
        }

        try
        {
            using var process = Process.Start(start)!;
            return await FinishAsync(process, capture, ct);
        }
        catch (Win32Exception e)
        {
            return new CommandResult(127, e.Message);       // as a shell says it: not there, or not for this user
        }
    }

    private static async Task<CommandResult> FinishAsync(Process process, bool capture, CancellationToken ct)
    {
        try
        {
            if (!capture)
            {
                await process.WaitForExitAsync(ct);
                return new CommandResult(process.ExitCode, "");
            }

            process.StandardInput.Close();      // nobody is there to answer a question
            var output = process.StandardOutput.ReadToEndAsync(ct);
            var errors = process.StandardError.ReadToEndAsync(ct);
            await process.WaitForExitAsync(ct);
            return new CommandResult(process.ExitCode, await output + await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            throw;
        }
    }
}
