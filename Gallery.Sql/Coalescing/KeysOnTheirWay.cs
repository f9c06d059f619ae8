namespace Gallery.Sql.Coalescing;

/// <summary>Whose statements are on their way, on whatever lane: a key is in one of them at a time, and who else asks for it waits here for that one to end.</summary>
/// <remarks>A key has been taken until it is released; who waited longest for it is then <see cref="TryDequeue">next</see>, and has it taken already.</remarks>
internal sealed class KeysOnTheirWay<TKey, TWaiting>
    where TKey : notnull
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TKey, Queue<TWaiting>?> _taken = [];
    private readonly Queue<TWaiting> _next = new();
    private volatile int _nextCount;

    public bool HasNext => _nextCount > 0;

    public bool TryTake(TKey key)
    {
        lock (_lock) return _taken.TryAdd(key, null);
    }

    /// <summary>Takes the key, or, where it is taken, keeps who waits for it.</summary>
    public bool TryTakeOrKeep(TKey key, TWaiting waiting)
    {
        lock (_lock)
        {
            if (_taken.TryAdd(key, null)) return true;
            (_taken[key] ??= new Queue<TWaiting>()).Enqueue(waiting);
            return false;
        }
    }

    public void Release(TKey key)
    {
        lock (_lock)
        {
            if (_taken[key]?.TryDequeue(out var waiting) == true)
            {
                _next.Enqueue(waiting);
                _nextCount++;
            }
            else
            {
                _taken.Remove(key);
            }
        }
    }

    public bool TryDequeue([System.Diagnostics.CodeAnalysis.MaybeNullWhen(false)] out TWaiting waiting)
    {
        waiting = default;
        if (!HasNext) return false;
        lock (_lock)
        {
            if (!_next.TryDequeue(out waiting)) return false;
            _nextCount--;
            return true;
        }
    }
}
