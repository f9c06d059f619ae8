namespace Gallery.Service.Transfers.Commands;

internal static class CommandRun
{
    /// <summary>Runs a command. A failure is one line on standard error, and an exit code.</summary>
    public static async Task<int> RunAsync(Func<Task<int>> command)
    {
        try
        {
            return await command();
        }
        catch (Exception e)
        {
            return StartFailure.Report(e);
        }
    }
}
