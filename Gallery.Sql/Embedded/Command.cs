using System.ComponentModel;
using System.Diagnostics;

namespace Gallery.Sql.Embedded;

/// <summary>A program's exit code, and its output on both streams.</summary>
internal sealed record CommandResult(int ExitCode, string Output)
{
    public bool Succeeded => ExitCode == 0;

    /// <summary>The last line that is not empty, where programs state the reason of a failure.</summary>
    public string LastLine =>
        Output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).LastOrDefault()
        ?? $"exit code {ExitCode}";
}

/// <summary>Runs a program to its end.</summary>
internal static class Command
{
    // PostgreSQL gets only these: PG* variables would redirect it, and it must not see the service's secrets.
    private static readonly string[] KeptVariables =
    [
        "PATH", "HOME", "TZ", "TMPDIR", "LD_LIBRARY_PATH",
        "TEMP", "TMP", "USERPROFILE", "APPDATA", "SystemRoot", "SystemDrive", "ComSpec",
    ];

    /// <param name="program">Its path, or its name on the PATH.</param>
    /// <param name="arguments">One argument each; no shell reads them.</param>
    /// <param name="ct">Ends the program and its children.</param>
    /// <param name="user">The user to run as; only root may set it.</param>
    /// <param name="inheritEnvironment">Passes on the service's whole environment.</param>
    /// <param name="capture">False leaves the streams alone, so that a process it starts cannot keep the caller waiting.</param>
    public static async Task<CommandResult> RunAsync(
        string program, IEnumerable<string> arguments, CancellationToken ct,
        string? user = null, bool inheritEnvironment = false, bool capture = true)
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
            start.WorkingDirectory = "/";       // that user may not be able to enter the current folder
        if (!inheritEnvironment)
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
            return new CommandResult(127, e.Message);       // a shell's code for a program that is missing or not executable
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

            process.StandardInput.Close();      // nobody can answer a prompt
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
