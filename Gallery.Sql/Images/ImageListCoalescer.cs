using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Gallery.Sql.Images;

/// <summary>One page at a time for those who ask, several in a round trip for the database: <see cref="ImageRepository"/>'s lists, coalesced.</summary>
public sealed class ImageListCoalescer<TPage> : IAsyncDisposable
{
    // While the database makes the one lane's pages, the service writes the other's as JSON. Of three, one's server process is at times left without a core for
    // 60 ms, with its ten callers.
    private const int Lanes = 2;
    private const int TrashLanes = 1;      // seldom looked at
    private const int MaximumBatch = 16;   // a page is some fifty times the work of one image

    private readonly Coalescer<ImageList, ImageList, TPage> _lists;
    private readonly Coalescer<ImageList, ImageList, TPage> _deletedLists;

    /// <param name="read">Makes a page of its rows.</param>
    /// <param name="queueLength">How many may wait, and how many for the trash; one more is turned away.</param>
    /// <exception cref="SettingsException"><c>GALLERY_COALESCING</c> is neither <c>on</c> nor <c>off</c>.</exception>
    public ImageListCoalescer(ImageRepository images, Func<ImageList, ImageReader, CancellationToken, Task<TPage>> read, IConfiguration settings, int queueLength)
    {
        var isOn = CoalescingSetting.IsOn(settings);
        _lists = new("list", list => list, async (lists, _, ct) => ByList(lists, await images.ListImagesAsync(lists, read, ct)), Options(isOn, Lanes, queueLength));
        _deletedLists = new(
            "list_deleted", list => list, async (lists, _, ct) => ByList(lists, await images.ListDeletedImagesAsync(lists, read, ct)), Options(isOn, TrashLanes, queueLength));
    }

    /// <summary>A page of live images, newest first.</summary>
    public async Task<TPage> ListImagesAsync(ImageList list, CancellationToken ct) => (await _lists.RunAsync(list, ct))!;

    /// <summary>A page of the trash, latest deletion first.</summary>
    public async Task<TPage> ListDeletedImagesAsync(ImageList list, CancellationToken ct) => (await _deletedLists.RunAsync(list, ct))!;

    public async ValueTask DisposeAsync()
    {
        await _lists.DisposeAsync();
        await _deletedLists.DisposeAsync();
    }

    private static Dictionary<ImageList, TPage> ByList(IReadOnlyList<ImageList> lists, IReadOnlyList<TPage> pages) =>
        lists.Zip(pages).ToDictionary(pair => pair.First, pair => pair.Second);

    private static CoalescerOptions Options(bool isOn, int lanes, int queueLength) =>
        new(
            isOn ? lanes : 0, SpareLanes: lanes, CoalescingSetting.StalledAfter, MaximumBatch, queueLength, GalleryDatabase.Patience, ShareEqualKeys: false,
            IsFaultOfOnePage, IsFaultOfHaste: _ => false);

    private static bool IsFaultOfOnePage(Exception e) =>
        RequestFault.IsOfOne(e) || e is InvalidDataException or PostgresException { SqlState: PostgresErrorCodes.QueryCanceled };   // 57014: the server's own time-out
}
