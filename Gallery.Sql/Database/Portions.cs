using System.Diagnostics;

namespace Gallery.Sql.Database;

/// <summary>Repeats a statement that works on a portion of the rows until nothing is left.</summary>
public static class Portions
{
    /// <summary>Rows of the first portion. Each may have thousands of rows in other tables, or as many words to index.</summary>
    private const int First = 20;

    /// <summary>Equals the limits in the SQL.</summary>
    private const int Largest = 1000;

    /// <summary>Portions in a row that met a locked row. Each waits 250 ms (<c>lock_timeout</c>), so together longer than the 2 s of another statement.</summary>
    private const int MostLocked = 10;

    private static readonly TimeSpan Quick = TimeSpan.FromSeconds(0.25);

    /// <summary>Runs the statement until a portion is not full. Portions are small first, and grow while they are quick. After one that timed out they are small again. If a row is locked, they shrink to one row, so that all before it are done.</summary>
    /// <param name="run">Works on at most so many rows, and says how many it found.</param>
    /// <param name="mayGoOn">Asked before each portion.</param>
    /// <returns>Whether all is done.</returns>
    public static async Task<bool> RepeatAsync(Func<int, Task<int>> run, Func<bool> mayGoOn)
    {
        for (var (size, locked) = (First, 0); mayGoOn();)
        {
            var start = Stopwatch.GetTimestamp();
            try
            {
                if (await run(size) < size) return true;
                locked = 0;
                size = Stopwatch.GetElapsedTime(start) < Quick ? Math.Min(4 * size, Largest) : Math.Max(size / 4, First);
            }
            catch (Exception e) when (size > First && TransientFault.HasTimedOut(e))
            {
                size = First;
            }
            catch (Exception e) when (locked < MostLocked && TransientFault.IsLocked(e))
            {
                size = Math.Max(size / 4, 1);
                locked++;
            }
        }

        return false;
    }
}
