using System.Net.Sockets;
using Gallery.Sql.Database;
using Microsoft.AspNetCore.Connections;

namespace Gallery.Service;

/// <summary>Where the service listens: <c>--urls</c>, or <c>ASPNETCORE_URLS</c>, or the ports alone in <c>ASPNETCORE_HTTP_PORTS</c>.</summary>
internal static class ServiceAddress
{
    private const string Default = "http://localhost:9999";
    private const string Settings = "--urls http://localhost:9998, or ASPNETCORE_URLS";

    /// <summary>The addresses to listen on, with <c>;</c> between; null where ports alone are set, which Kestrel reads itself.</summary>
    /// <exception cref="SettingsException">An address is none, or is one that Kestrel would take for another: <c>:9999x</c> for port 80.</exception>
    /// <param name="host">The host's own: the command line, and <c>ASPNETCORE_…</c> in the environment.</param>
    /// <param name="settings">Ours, with <c>.env</c>, which the host does not read.</param>
    public static string? Find(IConfiguration host, IConfiguration settings)
    {
        var urls = host.Find("urls") ?? settings.Find("ASPNETCORE_URLS");
        if (urls is null && host.Find("http_ports") is not null) return null;

        urls ??= Default;
        return urls.Split(';', StringSplitOptions.RemoveEmptyEntries).All(IsOne)
            ? urls
            : throw new SettingsException($"--urls (or ASPNETCORE_URLS) is \"{urls}\"; it takes http://host:port, several with ; between. TLS is for a proxy in front.");
    }

    /// <exception cref="ServiceAddressException">The address is taken, or not this machine's.</exception>
    public static async Task StartAsync(WebApplication service, CancellationToken ct)
    {
        try
        {
            await service.StartAsync(ct);
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            throw new ServiceAddressException($"{e.Message} Stop what listens there, or choose another address: {Settings}.", e);
        }
        catch (Exception e) when (e is SocketException or IOException or InvalidOperationException)
        {
            throw new ServiceAddressException($"The service can not listen on {service.Configuration["urls"] ?? "these ports"}: {e.Message.TrimEnd('.')}. Choose another: {Settings}.", e);
        }
    }

    private static bool IsOne(string url)
    {
        try
        {
            var address = BindingAddress.Parse(url.Trim());
            return address.Scheme.Equals("http", StringComparison.OrdinalIgnoreCase)
                && address.PathBase.Length == 0
                && (address.IsUnixPipe || address.IsNamedPipe
                    || address.Port is >= 0 and <= 65535 && (address.Host.EndsWith(']') || !address.Host.Contains(':', StringComparison.Ordinal)));
        }
        catch (FormatException)
        {
            return false;
        }
    }
}

/// <summary>An address that the service can not listen on. The message is one line: which, why, and the cure.</summary>
internal sealed class ServiceAddressException(string message, Exception cause) : Exception(message, cause);
