using System.Diagnostics;

namespace Gallery.Tests.Service;

/// <summary>The waits of the tests end, and say what did not happen.</summary>
public sealed class WithinTests
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(200);

    [Fact]
    public async Task What_never_comes_true_fails_with_a_sentence()
    {
        var failure = await FailAsync(() => Within.UntilAsync("pigs fly", () => Task.FromResult(false), Short));

        Assert.Equal("It did not happen in 0 s that pigs fly.", failure);
        Assert.Equal("This did not end in 0 s: asking whether pigs fly.", await FailAsync(() => Within.UntilAsync("pigs fly", () => new TaskCompletionSource<bool>().Task, Short)));
    }

    [Fact]
    public async Task What_never_ends_fails_with_a_sentence() =>
        Assert.Equal("This did not end in 0 s: the song.", await FailAsync(() => Within.EndAsync("the song", new TaskCompletionSource().Task, Short)));

    [Fact]
    public async Task A_process_that_does_not_end_is_killed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "This is of Linux.");
        var seconds = $"{Environment.ProcessId}.25";   // finds this process among all
        var failure = await FailAsync(() => Within.RunAsync(new ProcessStartInfo("sleep", [seconds]) { RedirectStandardOutput = true }, Short));

        Assert.Equal($"This did not end in 0 s: sleep {seconds}.", failure);
        await Within.UntilAsync("the process is gone", () => Task.FromResult(!Process.GetProcessesByName("sleep").Any(process => CommandOf(process).Contains(seconds, StringComparison.Ordinal))));
    }

    [Fact]
    public async Task What_ends_in_time_is_passed_on()
    {
        var asked = 0;
        await Within.UntilAsync("three were asked", () => Task.FromResult(++asked == 3));

        Assert.Equal(3, asked);
        Assert.Equal(7, await Within.EndAsync("a number", Task.FromResult(7)));
        await Assert.ThrowsAsync<IOException>(() => Within.EndAsync("a fault", Task.FromException(new IOException())));
    }

    private static async Task<string> FailAsync(Func<Task> wait) => (await Assert.ThrowsAsync<Xunit.Sdk.FailException>(wait)).Message;

    private static string CommandOf(Process process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process.Id}/cmdline");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)   // it has ended
        {
            return "";
        }
    }
}
