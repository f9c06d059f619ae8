using Gallery.Service.Limits;
using Gallery.Sql.Database;
using Microsoft.AspNetCore.Identity;

namespace Gallery.Service.Sharing;

/// <summary>Hashes the passwords of links. A hash takes about 70 ms of CPU, so only a few run at once.</summary>
internal sealed class SharePasswords : IDisposable
{
    public const int Minimum = 6;
    public const int Maximum = 128;
    public const string Pattern = @"^[\x21-\x7e]+$";

    private const int AtOnce = 2;
    private const int Waiting = 16;

    private readonly PasswordHasher<SharePasswords> _hasher = new();
    private readonly Turns _checking = new(AtOnce, Waiting);
    private readonly KeyedTurns<Guid> _links = new(Waiting / 2);   // so that nobody who has one link keeps the others shut
    private readonly Turns _making = new(1, Waiting);   // its own, so that nobody who makes links keeps out those who open them
    private readonly UserTurns _makers = new();

    /// <summary>What is wrong with a password, as a message. Null if nothing is. It must fit into a header, where browsers send ASCII only.</summary>
    public static string? FindFault(string password) =>
        password.Length is >= Minimum and <= Maximum && password.All(character => character is > ' ' and <= '~')
            ? null
            : $"password must have {Minimum} to {Maximum} characters: letters A to Z, digits and ASCII's signs, without spaces.";

    public async Task<string> HashAsync(Caller caller, string password, CancellationToken ct)
    {
        using var user = await _makers.TakeAsync(caller, ct);
        using var turn = await _making.TakeAsync(ct);
        return await OnThreadAsync(() => _hasher.HashPassword(this, password));
    }

    /// <summary>Whether a password is right. Null if its link takes no more attempts.</summary>
    /// <param name="takeAttempt">Counts an attempt and returns the link's hash. It runs when there is a place to check it, so that waiting costs no attempt.</param>
    public async Task<(bool IsRight, string? Hash)?> CheckAsync(Guid shareId, string password, Func<Task<string?>> takeAttempt, CancellationToken ct)
    {
        using var link = await _links.TakeAsync(shareId, ct);
        using var turn = await _checking.TakeAsync(ct);
        return await takeAttempt() is { } hash ? (await OnThreadAsync(() => _hasher.VerifyHashedPassword(this, hash, password)) != PasswordVerificationResult.Failed, hash) : null;
    }

    /// <summary>Runs on its own thread. The pool begins with one thread for each processor, and other requests and the probes need those.</summary>
    private static Task<T> OnThreadAsync<T>(Func<T> work) => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    public void Dispose()
    {
        _checking.Dispose();
        _links.Dispose();
        _making.Dispose();
        _makers.Dispose();
    }
}
