using System.Collections.Concurrent;

namespace Gallery.Service.Http;

/// <summary>Limits the log to one line per second and kind, because while the database is down every request fails for the same reason.</summary>
internal sealed class LogLimit(TimeProvider clock)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Kind> _kinds = [];

    /// <param name="kind">One of a few constants.</param>
    /// <param name="leftOut">Lines of this kind that were suppressed since the last one.</param>
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
