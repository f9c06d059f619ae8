using System.Buffers;

namespace Gallery.Service.Limits;

/// <summary>The bytes of a body. Those of a large one are from a pool, so that bodies which come fast leave no garbage. Nothing may use them after disposal.</summary>
/// <param name="capacity">Bytes to allocate before any has arrived.</param>
internal sealed class ReceivedBody(int capacity) : IDisposable
{
    /// <summary>A larger buffer is from the pool. The runtime would keep it with its large objects, which it collects rarely.</summary>
    public const int SmallBytes = 64 * 1024;

    private byte[] _bytes = Allocate(capacity);

    public int Length { get; private set; }

    public int Capacity => _bytes.Length;

    public ReadOnlyMemory<byte> Bytes => _bytes.AsMemory(0, Length);

    /// <param name="maximum">Bytes that the whole body may have.</param>
    public void Add(ReadOnlySequence<byte> part, int maximum)
    {
        var length = Length + (int)part.Length;
        if (length > _bytes.Length) Grow(Math.Max(length, Math.Min(2 * _bytes.Length, maximum)));
        part.CopyTo(_bytes.AsSpan(Length));
        Length = length;
    }

    public void Dispose()
    {
        var bytes = _bytes;
        (_bytes, Length) = ([], 0);
        if (bytes.Length > SmallBytes) ArrayPool<byte>.Shared.Return(bytes);
    }

    private void Grow(int capacity)
    {
        var (bytes, length) = (_bytes, Length);
        var larger = Allocate(capacity);
        bytes.AsSpan(0, length).CopyTo(larger);
        Dispose();
        (_bytes, Length) = (larger, length);
    }

    private static byte[] Allocate(int capacity) => capacity > SmallBytes ? ArrayPool<byte>.Shared.Rent(capacity) : new byte[capacity];
}
