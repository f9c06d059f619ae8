using Gallery.Sql.Coalescing;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Gallery.Sql.Images;

/// <summary>One page at a time for those who ask, several in a round trip for the database: <see cref="ImageRepository"/>'s lists, coalesced.</summary>
public sealed class ImageListCoalescer<TPage> : IAsyncDisposable
{
    // A page is some fifty times the work of one image. While the database makes one lane's pages, the service writes another's as JSON; of two lanes both
    // were at times with the one or with the other, and a core had nothing to do.
    private static readonly Share Live = new(Lanes: 3, SpareLanes: 2, MaximumBatch: 10);
    private static readonly Share Trash = new(Lanes: 1, SpareLanes: 1, MaximumBatch: 16);   // seldom looked at

    private readonly Coalescer<ImageList, ImageList, TPage> _lists;
    private readonly Coalescer<ImageList, ImageList, TPage> _deletedLists;

    /// <param name="read">Makes a page of its rows.</param>
    /// <param name="queueLength">How many may wait, and how many for the trash; one more is turned away.</param>
    /// <exception cref="SettingsException"><c>GALLERY_COALESCING</c> is neither <c>on</c> nor <c>off</c>.</exception>
    public ImageListCoalescer(ImageRepository images, Func<ImageList, ImageReader, CancellationToken, Task<TPage>> read, IConfiguration settings, int queueLength)
    {
        var isOn = CoalescingSetting.IsOn(settings);
        _lists = new("list", list => list, async (lists, _, ct) => ByList(lists, await images.ListImagesAsync(lists, read, ct)), Options(Live, isOn, queueLength));
        _deletedLists = new(
            "list_deleted", list => list, async (lists, _, ct) => ByList(lists, await images.ListDeletedImagesAsync(lists, read, ct)), Options(Trash, isOn, queueLength));
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

    private static CoalescerOptions Options(Share share, bool isOn, int queueLength) =>
        new(
            isOn ? share.Lanes : 0, share.SpareLanes, CoalescingSetting.StalledAfter, share.MaximumBatch, queueLength, GalleryDatabase.Patience,
            ShareEqualKeys: false, IsFaultOfOnePage, IsFaultOfHaste: _ => false);

    private static bool IsFaultOfOnePage(Exception e) =>
        RequestFault.IsOfOne(e) || e is InvalidDataException or PostgresException { SqlState: PostgresErrorCodes.QueryCanceled };   // 57014: the server's own time-out

    private readonly record struct Share(int Lanes, int SpareLanes, int MaximumBatch);
}
