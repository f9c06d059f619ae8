using Gallery.Service.Limits;
using Microsoft.AspNetCore.Identity;

namespace Gallery.Service.Sharing;

/// <summary>Hashes the passwords of links. A hash takes some 50 ms of a processor, so only a few run at once.</summary>
internal sealed class SharePasswords : IDisposable
{
    public const int Minimum = 4;
    public const int Maximum = 128;
    public const string Pattern = @"^[\x21-\x7e]+$";

    private const int AtOnce = 2;
    private const int Waiting = 16;

    private readonly PasswordHasher<SharePasswords> _hasher = new();
    private readonly Turns _turns = new(AtOnce, Waiting);

    /// <summary>What is wrong with a password, as a message. Null if nothing is. It must fit into a header, where browsers send ASCII only.</summary>
    public static string? FindFault(string password) =>
        password.Length is >= Minimum and <= Maximum && password.All(character => character is > ' ' and <= '~')
            ? null
            : $"password must have {Minimum} to {Maximum} characters: letters A to Z, digits and ASCII's signs, without spaces.";

    public async Task<string> HashAsync(string password, CancellationToken ct)
    {
        using var turn = await _turns.TakeAsync(ct);
        return _hasher.HashPassword(this, password);
    }

    public async Task<bool> IsRightAsync(string password, string hash, CancellationToken ct)
    {
        using var turn = await _turns.TakeAsync(ct);
        return _hasher.VerifyHashedPassword(this, hash, password) != PasswordVerificationResult.Failed;
    }

    public void Dispose() => _turns.Dispose();
}
