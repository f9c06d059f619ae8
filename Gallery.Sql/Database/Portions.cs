using System.Diagnostics;

namespace Gallery.Sql.Database;

/// <summary>Repeats a statement that works on a portion of the rows until nothing is left.</summary>
public static class Portions
{
    /// <summary>Rows of the first portion. Each may have thousands of rows in other tables, or as many words to index.</summary>
    private const int First = 20;

    /// <summary>Equals the limits in the SQL.</summary>
    private const int Largest = 1000;

    private static readonly TimeSpan Quick = TimeSpan.FromSeconds(0.25);

    /// <summary>Runs the statement until a portion is not full. Portions are small first, and grow while they are quick. After one that timed out they are small again.</summary>
    /// <param name="run">Works on at most so many rows, and says how many it found.</param>
    /// <param name="mayGoOn">Asked before each portion.</param>
    /// <returns>Whether all is done.</returns>
    public static async Task<bool> RepeatAsync(Func<int, Task<int>> run, Func<bool> mayGoOn)
    {
        for (var size = First; mayGoOn();)
        {
            var start = Stopwatch.GetTimestamp();
            try
            {
                if (await run(size) < size) return true;
                size = Stopwatch.GetElapsedTime(start) < Quick ? Math.Min(4 * size, Largest) : Math.Max(size / 4, First);
            }
            catch (Exception e) when (size > First && TransientFault.HasTimedOut(e))
            {
                size = First;
            }
        }

        return false;
    }
}
