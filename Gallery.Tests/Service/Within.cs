using System.Diagnostics;

namespace Gallery.Tests.Service;

/// <summary>Waits with a bound. One that is not over in time fails the test with a sentence, and not the whole run.</summary>
internal static class Within
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Asks again and again until the answer is yes.</summary>
    /// <param name="what">A clause that is true then.</param>
    public static async Task UntilAsync(string what, Func<Task<bool>> isTrue, TimeSpan? patience = null)
    {
        var watch = Stopwatch.StartNew();
        while (!await EndAsync($"asking whether {what}", isTrue(), patience))
            if (watch.Elapsed > (patience ?? Patience)) Assert.Fail($"It did not happen in {watch.Elapsed.TotalSeconds:0} s that {what}.");
    }

    /// <param name="what">Names the task.</param>
    public static async Task<T> EndAsync<T>(string what, Task<T> task, TimeSpan? patience = null)
    {
        await EndAsync(what, (Task)task, patience);
        return await task;
    }

    /// <inheritdoc cref="EndAsync{T}"/>
    public static async Task EndAsync(string what, Task task, TimeSpan? patience = null)
    {
        if (await Task.WhenAny(task, Task.Delay(patience ?? Patience, TestContext.Current.CancellationToken)) != task)
            Assert.Fail($"This did not end in {(patience ?? Patience).TotalSeconds:0} s: {what}.");
        await task;
    }

    /// <summary>Runs a process to its end. One that does not end in time is killed.</summary>
    /// <param name="start">Redirects what is to be read.</param>
    public static async Task<(int Exit, string Output, string Error)> RunAsync(ProcessStartInfo start, TimeSpan? patience = null)
    {
        using var process = Process.Start(start)!;
        try
        {
            if (start.RedirectStandardInput) process.StandardInput.Close();
            var output = start.RedirectStandardOutput ? process.StandardOutput.ReadToEndAsync() : Task.FromResult("");
            var error = start.RedirectStandardError ? process.StandardError.ReadToEndAsync() : Task.FromResult("");
            await EndAsync($"{start.FileName} {string.Join(' ', start.ArgumentList)}", Task.WhenAll(output, error, process.WaitForExitAsync()), patience);
            return (process.ExitCode, await output, await error);
        }
        finally
        {
            if (!process.HasExited) process.Kill(entireProcessTree: true);
        }
    }
}
