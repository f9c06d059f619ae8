using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Microsoft.Extensions.Configuration;

namespace Gallery.Sql.Images;

/// <summary>One image at a time for those who ask, many in a statement for the database: all of <see cref="ImageRepository"/>'s on single images, coalesced.</summary>
public sealed class ImageCoalescer : IAsyncDisposable
{
    private const int Lanes = 1;   // with 2 on two cores: a tenth less throughput, and a p99 several times as long
    private const int SpareLanes = 2;
    private const int MaximumBatch = 256;

    /// <summary>Less than a second's work of each kind; whoever waits longer than <see cref="GalleryDatabase.Patience"/> is told so.</summary>
    public const int DefaultQueueLength = 4096;

    private readonly Coalescer<ImageKey, ImageKey, ImageRow> _find;
    private readonly Coalescer<Guid, NewImage, ImageRow> _upsert;
    private readonly Coalescer<Guid, ImageKey, ImageRow> _softDelete;
    private readonly Coalescer<Guid, ImageKey, ImageRow> _restore;
    private readonly Coalescer<Guid, ImageKey, ImageRow> _purge;

    /// <exception cref="SettingsException"><c>GALLERY_COALESCING</c> is neither <c>on</c> nor <c>off</c>.</exception>
    /// <param name="queueLength">How many finds may wait, how many saves, deletions, restores, and purges; one more is turned away.</param>
    public ImageCoalescer(ImageRepository images, IConfiguration settings, int queueLength = DefaultQueueLength)
    {
        var isOn = CoalescingSetting.IsOn(settings);
        var options = new CoalescerOptions(
            isOn ? Lanes : 0, SpareLanes, CoalescingSetting.StalledAfter, MaximumBatch, queueLength, GalleryDatabase.Patience, ShareEqualKeys: false, RequestFault.IsOfOne, RequestFault.IsOfHaste);
        _find = new("find", key => key, async (keys, _, ct) => ByKey(keys, await images.FindImagesAsync(keys, ct)), options with { ShareEqualKeys = true });
        _upsert = new("upsert", image => image.ImageId, async (batch, terms, ct) => ById(await images.UpsertImagesAsync(batch, terms, ct)), options);
        _softDelete = new("soft_delete", key => key.ImageId, async (keys, terms, ct) => ById(await images.SoftDeleteImagesAsync(keys, terms, ct)), options);
        _restore = new("restore", key => key.ImageId, async (keys, terms, ct) => ById(await images.RestoreImagesAsync(keys, terms, ct)), options);
        _purge = new("purge", key => key.ImageId, async (keys, terms, ct) => ById(await images.PurgeImagesAsync(keys, terms, ct)), options);
    }

    /// <inheritdoc cref="ImageRepository.FindImagesAsync"/>
    /// <param name="userId">Whose it must be; null for anyone's.</param>
    /// <returns>Null if the id is unknown, or another user's.</returns>
    public Task<ImageRow?> FindImageAsync(Guid imageId, string? userId, CancellationToken ct) => _find.RunAsync(new ImageKey(imageId, userId), ct);

    /// <inheritdoc cref="ImageRepository.UpsertImagesAsync(IReadOnlyList{NewImage}, CancellationToken)"/>
    /// <returns>Null if nothing was written.</returns>
    public Task<ImageRow?> UpsertImageAsync(NewImage image, CancellationToken ct) => _upsert.RunAsync(image, ct);

    /// <inheritdoc cref="ImageRepository.SoftDeleteImagesAsync(IReadOnlyList{ImageKey}, CancellationToken)"/>
    /// <inheritdoc cref="FindImageAsync" path="/param"/>
    /// <returns>Null if nothing was changed.</returns>
    public Task<ImageRow?> SoftDeleteImageAsync(Guid imageId, string? userId, CancellationToken ct) => _softDelete.RunAsync(new ImageKey(imageId, userId), ct);

    /// <inheritdoc cref="ImageRepository.RestoreImagesAsync(IReadOnlyList{ImageKey}, CancellationToken)"/>
    /// <inheritdoc cref="FindImageAsync" path="/param"/>
    /// <returns>Null if nothing was changed.</returns>
    public Task<ImageRow?> RestoreImageAsync(Guid imageId, string? userId, CancellationToken ct) => _restore.RunAsync(new ImageKey(imageId, userId), ct);

    /// <inheritdoc cref="ImageRepository.PurgeImagesAsync(IReadOnlyList{ImageKey}, CancellationToken)"/>
    /// <inheritdoc cref="FindImageAsync" path="/param"/>
    /// <returns>As it was; null if there was none.</returns>
    public Task<ImageRow?> PurgeImageAsync(Guid imageId, string? userId, CancellationToken ct) => _purge.RunAsync(new ImageKey(imageId, userId), ct);

    public async ValueTask DisposeAsync()
    {
        await _upsert.DisposeAsync();
        await _softDelete.DisposeAsync();
        await _restore.DisposeAsync();
        await _purge.DisposeAsync();
        await _find.DisposeAsync();
    }

    private static Dictionary<Guid, ImageRow> ById(IReadOnlyList<ImageRow> rows) => rows.ToDictionary(row => row.ImageId);

    /// <summary>An id may stand in a batch for several callers: each is given the row only if it may know it.</summary>
    private static Dictionary<ImageKey, ImageRow> ByKey(IReadOnlyList<ImageKey> keys, IReadOnlyList<ImageRow> rows)
    {
        var byId = new Dictionary<Guid, ImageRow>(rows.Count);
        foreach (var row in rows) byId[row.ImageId] = row;
        var byKey = new Dictionary<ImageKey, ImageRow>(rows.Count);
        foreach (var key in keys)
            if (byId.TryGetValue(key.ImageId, out var row) && key.Holds(row)) byKey.Add(key, row);
        return byKey;
    }
}
