using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.ObjectPool;

namespace Gallery.Service.Http;

/// <summary>
/// A successful answer that is written token by token, straight to the bytes that are sent. It is whole before the first of them
/// is, so it has its <c>Content-Length</c>. Executed once: its buffer then serves another answer.
/// </summary>
internal sealed class JsonAnswer : IResult
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };
    private static readonly ObjectPool<JsonAnswer> Pool = new DefaultObjectPool<JsonAnswer>(new Policy(), maximumRetained: 32);   // two round trips of lists fill them

    private readonly ArrayBufferWriter<byte> _bytes = new(4096);

    private JsonAnswer() => Json = new Utf8JsonWriter(_bytes, Options);

    public Utf8JsonWriter Json { get; }

    public int Status { get; set; }

    /// <summary>Bytes so far.</summary>
    public long Length => Json.BytesCommitted + Json.BytesPending;

    /// <summary>One with nothing written yet, and status 200.</summary>
    public static JsonAnswer Rent() => Pool.Get();

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        Json.Flush();
        var response = httpContext.Response;
        response.StatusCode = Status;
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = _bytes.WrittenCount;
        await response.BodyWriter.WriteAsync(_bytes.WrittenMemory, httpContext.RequestAborted);
        Pool.Return(this);
    }

    private sealed class Policy : PooledObjectPolicy<JsonAnswer>
    {
        private const int MostBytesKept = 1024 * 1024;   // a page of 50 has about 25 KB; one of the largest images 300, and takes a buffer three times as long

        public override JsonAnswer Create() => new() { Status = StatusCodes.Status200OK };

        public override bool Return(JsonAnswer obj)
        {
            obj._bytes.ResetWrittenCount();
            obj.Json.Reset();
            obj.Status = StatusCodes.Status200OK;
            return obj._bytes.Capacity <= MostBytesKept;
        }
    }
}
