using System.Collections.Concurrent;

namespace Gallery.Service.Http;

/// <summary>One line a second of each kind: while the database is away, every request fails, and all for the same reason.</summary>
internal sealed class LogLimit(TimeProvider clock)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Kind> _kinds = [];

    /// <param name="kind">One of few.</param>
    /// <param name="leftOut">How many of its kind were not written since the line before.</param>
    public bool MayWrite(string kind, out int leftOut)
    {
        var state = _kinds.GetOrAdd(kind, _ => new Kind());
        lock (state)
        {
            leftOut = state.LeftOut;
            if (state.Written is { } written && clock.GetElapsedTime(written) < Interval)
            {
                state.LeftOut++;
                return false;
            }

            (state.Written, state.LeftOut) = (clock.GetTimestamp(), 0);
            return true;
        }
    }

    private sealed class Kind
    {
        public long? Written { get; set; }

        public int LeftOut { get; set; }
    }
}
